/* Connections of one session learn from each other, and from nobody else's: by id, by names and time, across eras. */
#include "session_fixture.h"

/* One that ended before, one that comes later: both hear what the second knows. */
static void test_by_id(void **state)
{
	(void)state;
	begin();
	struct observation a = keyed(1, 100), b = keyed(2, 100), c = keyed(3, 100);
	ends(&a);
	check(1, "-", "-", 1, "");
	says(&b, "agent", "crm");
	b.protocol_version = "2025-06-18";
	put(&b);
	check(1, "agent", "crm", 1, "protocol_version " NAMES);
	check(2, "agent", "crm", 1, "");
	put(&c);
	check(3, "agent", "crm", 1, "protocol_version " NAMES);
	assert_string_equal(table[3].version, "2025-06-18");
	/* what it shows by itself stands */
	says(&c, NULL, "crm 2");
	put(&c);
	check(3, "agent", "crm 2", 1, "protocol_version client_name client_version");
	/* from another address of the client's: the id says who it is */
	struct observation d = keyed(4, 100);
	d.client_ip.b[3] = 77;
	put(&d);
	check(4, "agent", "crm", 1, "protocol_version " NAMES);
	end();
}

static void test_elsewhere(void **state)
{
	(void)state;
	begin();
	struct observation a = keyed(1, 100), b = keyed(2, 101), c = keyed(3, 100), d = keyed(4, 100), e = keyed(5, 100), f = keyed(6, 100);
	says(&a, "agent", "crm");
	asks_to_initialize(&a);
	put(&a);
	put(&b); /* another id */
	c.server_ip.b[3] = 9; /* the same Host, from whoever wrote it */
	put(&c);
	d.encap.n = 1;
	d.encap.layer[0].kind = ENCAP_VLAN;
	d.encap.layer[0].id = 20;
	put(&d);
	e.host = "crm.example:3000";
	put(&e);
	f.host_cut = true;
	put(&f);
	for (uint16_t port = 2; port <= 6; port++)
		check(port, "-", "-", port, "");
	/* the scheme's own port is no other server; behind TLS the name is, whatever the address */
	struct observation g = keyed(7, 100), h = keyed(8, 100);
	g.host = "mcp.example:443";
	g.encrypted = g.decrypted = g.tls = g.secure_scheme = true;
	says(&g, "agent", "crm");
	put(&g);
	h = g;
	h.client_port = 8;
	h.first_frame = 8;
	h.host = "MCP.example.";
	h.server_ip.b[3] = 99;
	says(&h, NULL, NULL);
	put(&h);
	check(8, "agent", "crm", 7, NAMES);
	/* nothing was read of it: no session */
	struct observation i = conn(9);
	i.encrypted = i.tls = true;
	i.transport = TRANSPORT_NONE;
	put(&i);
	check(9, "-", "-", 0, "");
	end();
}

/* An endpoint URI without an id: the same client's connections belong together, other clients' do not, nor who calls itself otherwise. */
static void test_shared_uri(void **state)
{
	(void)state;
	begin();
	struct observation a = keyed(1, 7), b = keyed(2, 7), c = keyed(3, 7), d = keyed(4, 7);
	a.transport = b.transport = c.transport = d.transport = TRANSPORT_HTTP_SSE;
	says(&a, "agent", "crm");
	put(&a);
	put(&b);
	check(2, "agent", "crm", 1, NAMES);
	c.client_ip.b[3] = 50;
	put(&c);
	check(3, "-", "-", 3, "");
	says(&d, "other", NULL);
	put(&d);
	check(4, "other", "-", 4, "");
	put(&d);
	check(4, "other", "-", 4, "");
	end();
}

/* A connection that a proxy shares: its first id is its session, its names may be another one's. */
static void test_several_ids(void **state)
{
	(void)state;
	begin();
	struct observation a = keyed(1, 100), b = keyed(2, 200), c = keyed(3, 100);
	a.session_keys[1] = 200;
	a.n_session_keys = 2;
	says(&a, "second", "crm");
	a.names_session = 2;
	a.protocol_version = "2025-06-18";
	put(&a);
	put(&b);
	check(2, "second", "crm", 2, "protocol_version " NAMES);
	put(&c);
	check(3, "-", "-", 1, "");
	/* nor does it take the first one's client for its own */
	says(&c, "first", "crm");
	put(&c);
	check(1, "second", "crm", 1, "");
	struct observation d = keyed(4, 100);
	d.session_keys[1] = 300;
	d.n_session_keys = 2;
	put(&d);
	check(4, "-", "crm", 1, "server_name server_version");
	/* a third one came: the version may be its */
	struct observation e = keyed(5, 400), f = keyed(6, 500);
	e.session_keys[1] = 500;
	e.session_keys[2] = 600;
	e.n_session_keys = 3;
	says(&e, "fifth", "crm");
	e.names_session = 2;
	e.protocol_version = "2025-06-18";
	put(&e);
	put(&f);
	check(6, "fifth", "crm", 6, NAMES);
	end();
}

static void test_stateless(void **state)
{
	(void)state;
	begin();
	struct observation a = conn(1), b = conn(2), c = conn(3), d = conn(4);
	says(&a, "agent", "crm");
	put(&a);
	says(&b, "agent", NULL);
	put(&b);
	check(2, "agent", "crm", 1, "server_name server_version");
	put(&c); /* says nothing of itself, and there is one only that it can be */
	check(3, "agent", "crm", 1, NAMES);
	/* somebody else behind the same address */
	says(&d, "other", NULL);
	put(&d);
	check(4, "other", "-", 4, "");
	struct observation e = conn(5);
	put(&e); /* either's */
	check(5, "-", "-", 5, "");
	/* long after, named: still the same client's; nameless: nobody's */
	now += 300 * SECOND;
	struct observation f = conn(6), g = conn(7);
	says(&f, "agent", NULL);
	put(&f);
	check(6, "agent", "crm", 1, "server_name server_version");
	now += 31 * SECOND;
	g.first_seen_ns = g.last_seen_ns = now;
	put(&g);
	check(7, "-", "-", 7, "");
	now += 31 * SECOND;
	/* another version of the client, another path, another program, another client: each by itself */
	struct observation h = conn(8), i = conn(9), j = conn(10), k = conn(11);
	says(&h, "agent", NULL);
	h.client_version = "2";
	put(&h);
	check(8, "agent", "-", 8, "");
	i.path = "/other/mcp";
	put(&i);
	check(9, "-", "-", 9, "");
	j.user_agent = "curl/8";
	put(&j);
	check(10, "-", "-", 10, "");
	k.client_ip.b[3] = 50;
	says(&k, "agent", NULL);
	put(&k);
	check(11, "agent", "-", 11, "");
	now += 700 * SECOND;
	struct observation l = conn(12);
	says(&l, "agent", NULL);
	put(&l);
	check(12, "agent", "-", 12, "");
	/* a WebSocket is a session of its own */
	struct observation m = conn(13);
	m.transport = TRANSPORT_WEBSOCKET;
	put(&m);
	check(13, "-", "-", 13, "");
	end();
	now = START;
}

/* What was taken for one client's turns out to be another's: nothing of it stays behind. */
static void test_wrong_guess(void **state)
{
	(void)state;
	begin();
	struct observation a = conn(1), b = conn(2), c = conn(3);
	says(&a, "agent", NULL);
	put(&a);
	b.protocol_version = "2099-01-01";
	put(&b);
	check(2, "agent", "-", 1, "client_name client_version");
	assert_string_equal(table[1].version, "2099-01-01");
	says(&b, "other", "crm");
	put(&b);
	check(2, "other", "crm", 2, "");
	says(&c, "agent", NULL);
	put(&c);
	check(3, "agent", "-", 1, "");
	put(&a);
	check(1, "agent", "-", 1, "");
	assert_string_equal(table[1].version, "-");
	end();
}

static void test_initialize_begins(void **state)
{
	(void)state;
	begin();
	/* two runs of one program behind one address, at once: each its own, also before the answer gives ids */
	struct observation a = conn(1), b = conn(2);
	a.stage = b.stage = STAGE_UNKNOWN;
	says(&a, "agent", NULL);
	says(&b, "agent", NULL);
	asks_to_initialize(&a);
	asks_to_initialize(&b);
	put(&a);
	put(&b);
	check(1, "agent", "-", 1, "");
	check(2, "agent", "-", 2, "");
	a.session_keys[0] = 100;
	b.session_keys[0] = 200;
	a.n_session_keys = b.n_session_keys = 1;
	says(&a, "agent", "crm");
	says(&b, "agent", "crm");
	put(&a);
	put(&b);
	struct observation c = keyed(3, 200);
	put(&c);
	check(3, "agent", "crm", 2, NAMES);
	end();
}

/* Two eras tried one after the other: the refused attempt belongs to what came of it, and stays refused. */
static void test_fallback(void **state)
{
	(void)state;
	begin();
	struct observation a = conn(1), b = conn(2), c = conn(3), old = conn(9);
	a.stage = old.stage = STAGE_ATTEMPTED;
	old.path = "/v1/mcp"; /* the same server's other path: a story of its own */
	says(&a, "agent", NULL);
	says(&old, "agent", NULL);
	ends(&old);
	ends(&a);
	now += SECOND;
	b.first_seen_ns = b.last_seen_ns = now;
	says(&b, "agent", NULL);
	asks_to_initialize(&b);
	put(&b);
	check(2, "agent", "-", 1, "");
	b.session_keys[0] = 100;
	b.n_session_keys = 1;
	says(&b, "agent", "crm");
	put(&b);
	check(1, "agent", "crm", 1, "server_name server_version");
	assert_int_equal(table[1].stage, STAGE_ATTEMPTED);
	check(9, "agent", "-", 9, "");
	c.session_keys[0] = 100;
	c.n_session_keys = 1;
	put(&c);
	check(3, "agent", "crm", 1, NAMES);
	/* an attempt of somebody else is not taken in */
	struct observation d = conn(4), e = conn(5);
	d.path = e.path = "/x";
	d.stage = STAGE_ATTEMPTED;
	says(&d, "stranger", NULL);
	put(&d);
	says(&e, "agent", "crm");
	asks_to_initialize(&e);
	put(&e);
	check(5, "agent", "crm", 5, "");
	check(4, "stranger", "-", 4, "");
	end();
	now = START;
}

static void test_stage(void **state)
{
	(void)state;
	begin();
	struct observation a = keyed(1, 100), b = keyed(2, 100), c = keyed(3, 100);
	put(&a);
	b.stage = STAGE_UNKNOWN;
	put(&b);
	assert_int_equal(table[2].stage, STAGE_UNKNOWN); /* its answer may come yet */
	ends(&b);
	assert_int_equal(table[2].stage, STAGE_ESTABLISHED);
	assert_string_equal(table[2].joined, "stage");
	c.stage = STAGE_ATTEMPTED;
	ends(&c);
	assert_int_equal(table[3].stage, STAGE_ATTEMPTED);
	end();
}

/* The legacy transport: the wish goes on one connection, the server's word comes on the other. */
static void test_version(void **state)
{
	(void)state;
	begin();
	struct observation get = keyed(1, 100), post = keyed(2, 100), more = keyed(3, 100);
	put(&get);
	says(&post, "agent", NULL);
	asks_to_initialize(&post);
	post.protocol_version = post.protocol_version_requested = "2025-11-25";
	put(&post);
	put(&more);
	assert_string_equal(table[3].version, "2025-11-25");
	says(&get, NULL, "crm");
	get.protocol_version = "2024-11-05";
	put(&get);
	assert_string_equal(table[1].version, "2024-11-05");
	assert_string_equal(table[2].version, "2024-11-05");
	assert_string_equal(table[3].version, "2024-11-05");
	assert_string_equal(table[2].joined, "protocol_version server_name server_version");
	/* a later one with the header of its own keeps it */
	struct observation own = keyed(4, 100);
	own.protocol_version = "2025-03-26";
	put(&own);
	assert_string_equal(table[4].version, "2025-03-26");
	end();
}

static void test_auth(void **state)
{
	(void)state;
	begin();
	struct observation a = keyed(1, 100), b = keyed(2, 100);
	put(&a);
	b.auth = AUTH_BEARER;
	put(&b);
	assert_int_equal(table[1].auth, AUTH_BEARER);
	/* whoever has the id has joined; the credentials of another client are none of his */
	struct observation thief = keyed(3, 100);
	thief.client_ip.b[3] = 66;
	put(&thief);
	assert_string_equal(table[3].session, table[1].session);
	assert_int_equal(table[3].auth, AUTH_UNKNOWN);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_id), cmocka_unit_test(test_elsewhere), cmocka_unit_test(test_shared_uri),
		cmocka_unit_test(test_several_ids), cmocka_unit_test(test_stateless), cmocka_unit_test(test_wrong_guess),
		cmocka_unit_test(test_initialize_begins), cmocka_unit_test(test_fallback), cmocka_unit_test(test_stage),
		cmocka_unit_test(test_version), cmocka_unit_test(test_auth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
