/* The traces of RFC 8448 that a passive reader with a key log could have seen: a full handshake (section 3) and a resumed one with 0-RTT data
 * (section 4). The secrets are those of the RFC; what comes out is what it says was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tls_decrypt.h"

#define DATA \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031"

struct trace {
	const char *random;
	const char *secrets[TLS_SECRET_KINDS];
	const char *records[10]; /* each with C or S before it */
	const char *said[2];
};

static const struct trace traces[] = {
	{"cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7",
	 {[TLS_SECRET_CLIENT_HANDSHAKE] = "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
	  [TLS_SECRET_SERVER_HANDSHAKE] = "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
	  [TLS_SECRET_CLIENT_TRAFFIC] = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
	  [TLS_SECRET_SERVER_TRAFFIC] = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"},
	 {"C16030100c4010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000000b"
	  "0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560e4bd43"
	  "d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e04030503060302030804080508060401050106010201040205"
	  "0206020202002d00020101001c00024001",
	  "S160303005a020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c982887611"
	  "2095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304",
	  "S17030302a2d1ff334a56f5bff6594a07cc87b580233f500f45e489e7f33af35edf7869fcf40aa40aa2b8ea73f848a7ca07612ef9f945cb960b4068905123"
	  "ea78b111b429ba9191cd05d2a389280f526134aadc7fc78c4b729df828b5ecf7b13bd9aefb0e57f271585b8ea9bb355c7c79020716cfb9b1183ef3ab20e37"
	  "d57a6b9d7477609aee6e122a4cf51427325250c7d0e509289444c9b3a648f1d71035d2ed65b0e3cdd0cbae8bf2d0b227812cbb360987255cc744110c453ba"
	  "a4fcd610928d809810e4b7ed1a8fd991f06aa6248204797e36a6a73b70a2559c09ead686945ba246ab66e5edd8044b4c6de3fcf2a89441ac66272fd8fb330"
	  "ef8190579b3684596c960bd596eea520a56a8d650f563aad27409960dca63d3e688611ea5e22f4415cf9538d51a200c27034272968a264ed6540c84838d89"
	  "f72c24461aad6d26f59ecaba9acbbb317b66d902f4f292a36ac1b639c637ce343117b659622245317b49eeda0c6258f100d7d961ffb138647e92ea330faee"
	  "a6dfa31c7a84dc3bd7e1b7a6c7178af36879018e3f252107f243d243dc7339d5684c8b0378bf30244da8c87c843f5e56eb4c5e8280a2b48052cf93b16499a"
	  "66db7cca71e4599426f7d461e66f99882bd89fc50800becca62d6c74116dbd2972fda1fa80f85df881edbe5a37668936b335583b599186dc5c6918a396fa4"
	  "8a181d6b6fa4f9d62d513afbb992f2b992f67f8afe67f76913fa388cb5630c8ca01e0c65d11c66a1e2ac4c85977b7c7a6999bbf10dc35ae69f5515614636c"
	  "0b9b68c19ed2e31c0b3b66763038ebba42f3b38edc0399f3a9f23faa63978c317fc9fa66a73f60f0504de93b5b845e275592c12335ee340bbc4fddd502784"
	  "016e4b3be7ef04dda49f4b440a30cb5d2af939828fd4ae3794e44f94df5a631ede42c1719bfdabf0253fe5175be898e750edc53370d2b",
	  "C170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1caeacab6867d726c40546",
	  "S17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a015940252f55713e061dc13e0788"
	  "91a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e09c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e"
	  "4c5b406f16e3fc181a77ca475840025db2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe"
	  "5137121c74bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f",
	  "C1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3d"
	  "eae63aeebb21694915e4",
	  "S17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf3"
	  "32540dd032e167c2955d",
	  "C1703030013c9872760655666b74d7ff1153efd6db6d0b0e3", "S1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9"},
	 {DATA, DATA}},
	{"1bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95",
	 {[TLS_SECRET_EARLY] = "3fbbe6a60deb66c30a32795aba0eff7eaa10105586e7be5c09678d63b6caab62",
	  [TLS_SECRET_CLIENT_HANDSHAKE] = "2faac08f851d35fea3604fcb4de82dc62c9b164a70974d0462e27f1ab278700f",
	  [TLS_SECRET_SERVER_HANDSHAKE] = "fe927ae271312e8bf0275b581c54eef020450dc4ecffaa05a1a35d27518e7803",
	  [TLS_SECRET_CLIENT_TRAFFIC] = "2abbf2b8e381d23dbebe1dd2a7d16a8bf484cb4950d23fb7fb7fa8547062d9a1",
	  [TLS_SECRET_SERVER_TRAFFIC] = "cc21f1bf8feb7dd5fa505bd9c4b468a9984d554a993dc49e6d285598fb672691"},
	 {"C1603010200010001fc03031bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95000006130113031302010001cd0000000b00"
	  "09000006736572766572ff01000100000a00140012001d00170018001901000101010201030104003300260024001d0020e4ffb68ac05f8d96c99da266983"
	  "46c6be16482badddafe051a66b4f18d668f0b002a0000002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206"
	  "020202002d00020101001c000240010015005700000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	  "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002900dd00b800b22c035d829359ee5ff7af"
	  "4ec900000000262a6494dc486d2c8a34cb33fa90bf1b0070ad3c498883c9367c09a2be785abc55cd226097a3a982117283f82a03a143efd3ff5dd36d64e8"
	  "61be7fd61d2827db279cce145077d454a3664d4e6da4d29ee03725a6a4dafcd0fc67d2aea70529513e3da2677fa5906c5b3f7d8f92f228bda40dda721470"
	  "f9fbf297b5aea617646fac5c03272e970727c621a79141ef5f7de6505e5bfbc388e93343694093934ae4d357fad6aacb0021203add4fb2d8fdf822a0ca3c"
	  "f7678ef5e88dae990141c5924d57bb6fa31b9e5f9d",
	  "C1703030017ab1df420e75c457a7cc5d2844f76d5aee4b4edbf049be0",
	  "S16030300600200005c03033ccfd2dec890222763472ae8136777c9d7358777bb66e91ea5122495f559ea2d00130100003400290002000000330024001d00"
	  "20121761ee42c333e1b9e77b60dd57c2053cd94512ab47f115e86eff50942cea31002b00020304",
	  "S1703030061dc48237b4b879f50d0d4d262ea8b4716eb40ddc1eb957e11126e8a7149c2d012d37a7115957e64ce30008b9e0323f2c05a9c1c77b4f37849a6"
	  "95ab255060a33fee770ca95cb8486bfd0843b87024865ca35cc41c4e515c64dcb1369f98635bc7a5",
	  "C1703030015aca6fc944841298df99593725f9bf9754429b12f09170303003500f8b467d14cf22a4b3f0b6ae0d8e6cc8d08e0db3515ef5c2bdf1922eafbb7"
	  "0009964716d834fb70c3d2a56c5b1f5f6bdba6c333cf",
	  "C1703030043b1cebce242aa201be9ae5e1cb2a9aa4b33d4e866af1edb068919237741aa031d7a74d491c99b9d4e232b74206bc6fbaa04fe78be44a9b4f5432"
	  "0a17eb76992afac3103",
	  "S1703030043275e9f20acff57bc000657d3867df039cccf79047884cf75771746f740b5a83f462a0954c3581393a203a25a7dd14141ef1a37900cdb62ff62d"
	  "ee1ba39ab2590cbf194",
	  "C17030300130facce3246bdfc6369838d6a82ae6de5d422dc", "S17030300135b18af444e8e1eec7158fb62d8f2577d37ba5d"},
	 {"414243444546" DATA, DATA}},
};

struct heard {
	char hex[2][512];
	unsigned ends;
};

static size_t unhex(const char *text, uint8_t *out)
{
	size_t n = strlen(text) / 2;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sscanf(text + 2 * i, "%2hhx", &out[i]), 1);
	return n;
}

static void on_bytes(void *context, enum direction d, struct slice plain)
{
	struct heard *h = context;
	for (size_t i = 0; i < plain.n; i++)
		snprintf(h->hex[d] + strlen(h->hex[d]), 3, "%02x", plain.p[i]);
}

static void on_gap(void *context, enum direction d)
{
	(void)context, (void)d;
	fail_msg("nothing was lost");
}

static void on_end(void *context, enum direction d)
{
	(void)d;
	((struct heard *)context)->ends++;
}

static void on_learned(void *context)
{
	(void)context;
}

static void on_moment(void *context, const struct tls_moment *m)
{
	(void)context, (void)m;
}

static void run(const struct trace *trace, size_t chunk)
{
	static const struct tls_decrypt_callbacks callbacks = {on_bytes, on_gap, on_end, on_learned, on_moment};
	static const struct hash_key key = {1, 2};
	struct anomaly_counts anomalies = {{0}};
	struct heard heard = {.ends = 0};
	struct tls_secrets *secrets = tls_secrets_new(&key);
	uint8_t random[TLS_RANDOM], bytes[2048];
	unhex(trace->random, random);
	for (int kind = 0; kind < TLS_SECRET_KINDS; kind++)
		if (trace->secrets[kind])
			assert_int_equal(tls_secrets_add(secrets, random, (enum tls_secret)kind, slice_of(bytes, unhex(trace->secrets[kind], bytes))), 0);
	struct tls_room room = {.secrets = secrets, .anomalies = &anomalies};
	struct tls *hellos = tls_new(&anomalies);
	struct tls_decrypt *t = tls_decrypt_new(&room, hellos, &callbacks, &heard, &heard, 0);
	assert_non_null(t);
	for (size_t i = 0; i < 10 && trace->records[i]; i++) {
		struct slice s = slice_of(bytes, unhex(trace->records[i] + 1, bytes));
		for (; s.n; s = slice_after(s, chunk))
			tls_decrypt_feed(t, trace->records[i][0] == 'C' ? FROM_CLIENT : FROM_SERVER, slice_first(s, chunk));
	}
	assert_string_equal(heard.hex[FROM_CLIENT], trace->said[FROM_CLIENT]);
	assert_string_equal(heard.hex[FROM_SERVER], trace->said[FROM_SERVER]);
	assert_int_equal(heard.ends, 2);
	assert_true(tls_decrypt_is_over(t));
	if (!trace->secrets[TLS_SECRET_EARLY])
		assert_string_equal(tls_facts(hellos)->cert_names[0], "rsa");
	for (int i = 0; i < ANOMALY_COUNT; i++)
		assert_int_equal(anomalies.n[i], 0);
	tls_decrypt_free(t);
	tls_room_done(&room);
	tls_free(hellos);
	tls_secrets_free(secrets);
}

static void every_chunk_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof traces / sizeof *traces; i++)
		for (size_t chunk = 1; chunk < 700; chunk++)
			run(&traces[i], chunk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_chunk_size)};
	return cmocka_run_group_tests_name("tls_rfc8448", tests, NULL, NULL);
}
