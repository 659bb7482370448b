/* Every cap of shadowtap: its reason, and what happens at the cap. No input makes memory grow past their sum.
 * A cap that is reached is counted (anomaly.h) and shown in the summary; none is silent. */
/* It bears the name of a header of the C library, which other libraries' headers include: they get both. Outside the guard, because that of the
 * compiler finds this one once more on its way to that of the system. */
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winclude-next-absolute-path"
#endif
#include_next <limits.h>
#ifdef __clang__
#pragma clang diagnostic pop
#endif
#ifndef SHADOWTAP_LIMITS_H
#define SHADOWTAP_LIMITS_H

/* ---- capture ---- */
/* Largest frame taken from a file. Real ones stay below 256 KiB (jumbo, TSO); tcpdump refuses more than 256 KiB too.
 * A larger claim means a corrupt file: reading stops there with frame number and offset. */
#define LIMIT_FRAME_BYTES (1u << 20)
/* Largest pcapng block. Room for a full frame with options and for large name or secrets blocks. Larger: corrupt file. */
#define LIMIT_PCAPNG_BLOCK (16u << 20)
/* Interfaces described in one pcapng section. More: corrupt file. */
#define LIMIT_PCAPNG_INTERFACES 4096
/* Bytes that the pcapng writer gathers before it writes. A frame that is larger gets a larger buffer, up to LIMIT_FRAME_BYTES. */
#define LIMIT_PCAPNG_WRITER_BUFFER (256u << 10)
/* Bytes of a comment or name in a pcapng file that we write, escaped, including the closing NUL. An option may have 65,535; a
 * reader of captures wants a few lines. The rest is cut. */
#define LIMIT_PCAPNG_TEXT 4096
/* Window that a zstd-compressed capture may ask for: 128 MiB, what zstd itself accepts without --long. Larger: refused. */
#define LIMIT_CAPTURE_ZSTD_WINDOW_LOG 27
/* Link types that a filter can be compiled for; registered ones stay below 400. A frame of a higher one is refused. */
#define LIMIT_FILTER_LINK_TYPES 1024
/* Bytes of the kernel's ring of a live capture, at least: four blocks as libpcap makes them, so that the kernel fills one while
 * another is read. A smaller wish is raised to it. */
#define LIMIT_LIVE_RING_LEAST (1u << 20)
/* Bytes of the text that lists the addresses of one interface. More are left out, which the text says. */
#define LIMIT_INTERFACE_ADDRESSES 1024

/* ---- decode ---- */
/* Datagrams whose fragments are being put together, per decoder. At the cap the oldest is given up (fragment-limit). */
#define LIMIT_FRAGMENT_DATAGRAMS 1024
/* Pieces of one datagram. An honest sender needs 45 at 1500 bytes. At the cap the datagram is given up. */
#define LIMIT_FRAGMENTS_PER_DATAGRAM 128
/* Bytes held for fragments in all. At the cap the oldest datagram is given up. */
#define LIMIT_FRAGMENT_BYTES (8u << 20)
/* Seconds of packet time that a datagram waits for its fragments (RFC 8200 4.5: 60; Linux: 30). */
#define LIMIT_FRAGMENT_SECONDS 30
/* Tags, labels and tunnel headers of one frame, also those that name nothing (priority tags, entropy labels), beside the
 * ENCAP_MAX that do. Real ones stay below ten. More: refused (encapsulation-too-deep). */
#define LIMIT_ENCAP_HEADERS 16
/* IPv6 extension headers before the transport header. More: refused. */
#define LIMIT_IP6_EXTENSIONS 12

/* ---- flow ---- */
/* Shards: each owns its table, caps and ageing, so that results do not depend on how many workers serve them. */
#define FLOW_SHARDS 64
/* Flows in one shard's table (1,280 k in all, 160 bytes each). At the cap the flow that has been silent longest leaves,
 * those that never showed payload first, so that a SYN flood cannot push out real connections (flow-limit). */
#define LIMIT_SHARD_FLOWS (20u << 10)
/* Packets of undecided connections that a shard remembers so as to know their copies (16 bytes each, 1 MiB in all): at a
 * million such packets a second, those of 65 ms. A slot taken by another packet: the copy counts as a packet of its own. */
#define LIMIT_SHARD_RECENT 1024
/* How far apart in packet time two copies of a packet may be: less than the shortest retransmission timer (Linux: 200 ms), or,
 * where the sender numbered its datagrams, less than the numbers take to come round. Later: a packet of its own. */
#define LIMIT_COPY_NS (INT64_C(150) * 1000000)
#define LIMIT_COPY_NUMBERED_NS (INT64_C(5) * 1000000000)
/* Flows of the same addresses and ports in different encapsulations: they share a hash chain, whatever its key. At the cap
 * the one that has been silent longest leaves (flow-limit). */
#define LIMIT_FLOW_ENCAPS 16
/* Bytes that a packet may be ahead of what a flow has seen, or behind it, for a copy of it to make two flows one: what a capture
 * that begins between copies may have lost. A guess of the numbers succeeds once in 8,000. More: they stay two. */
#define LIMIT_FLOW_MERGE_AHEAD (256u << 10)
/* Bytes that one shard's flows hold in reassembly, parsers and evidence. At the cap the flow that has been silent
 * longest is finished early (flow-memory-limit). One flow alone may pass it for as long as it is being fed. */
#define LIMIT_SHARD_BYTES (5u << 20)
/* Seconds of packet time without a packet after which a flow is over. Half-open: nothing but a SYN or so. Closed: for
 * stray retransmissions. Open TCP: SSE streams may be silent for long (RFC 5382 asks NATs for 2 h 4 min). */
#define LIMIT_FLOW_HALF_OPEN_SECONDS 60
#define LIMIT_FLOW_CLOSED_SECONDS 10
#define LIMIT_FLOW_OPEN_SECONDS 7440
#define LIMIT_FLOW_UDP_SECONDS 120
/* The same for a connection in which nothing is read any more: should it come back later, its next bytes are looked at once more, which costs
 * little; keeping it for two hours would cost a busy span most of its table. */
#define LIMIT_FLOW_DECIDED_SECONDS 600

/* ---- stream ---- */
/* Out-of-order bytes held per direction, and pieces. 512 KiB is a full window of a fast connection; past it the hole
 * in front of them is declared a gap (tcp-reassembly-limit). */
#define LIMIT_TCP_HELD_BYTES (512u << 10)
#define LIMIT_TCP_HELD_SEGMENTS 1024
/* How far ahead of the expected byte a segment may start. RFC 7323 windows end at 1 GiB, but no real one passes 16 MiB;
 * a blind injector must hit 1/256 of the sequence space. Past it: ignored (tcp-out-of-window). */
#define LIMIT_TCP_AHEAD (16u << 20)
/* How long a hole may wait for its bytes once the receiver has acknowledged them (they were lost to the capture, or
 * the capture reorders): packets of the flow, or nanoseconds of packet time. Then it is a gap. */
#define LIMIT_TCP_HOLE_PACKETS 48
#define LIMIT_TCP_HOLE_NS 250000000
/* The same where the receiver's direction is not seen, so that nobody tells what arrived. */
#define LIMIT_TCP_HOLE_BLIND_NS 2000000000

/* ---- http ---- */
/* Bytes of one header block (start line and fields together). nginx takes 32 KiB, Node 16 KiB. Past it the fields
 * are no longer kept (http-header-limit); parsing goes on. */
#define LIMIT_HTTP_HEADER_KEPT (32u << 10)
/* Bytes of a header block that are parsed at all; a longer one turns the connection's HTTP reader bad. */
#define LIMIT_HTTP_HEADER_BYTES (1u << 20)
/* Header fields kept of one message; later ones are parsed and dropped (http-header-limit). */
#define LIMIT_HTTP_FIELDS 128
/* Requests waiting for their answers on one connection. Browsers pipeline none; past it the oldest are forgotten
 * and pairing is declared lost (http-pipeline-limit). */
#define LIMIT_HTTP_PIPELINE 64
/* What one compressed message body may unfold to. MCP tool results reach megabytes; past it the body is abandoned
 * (http-unfold-limit). The ratio guard only applies after the first 1 MiB. */
#define LIMIT_HTTP_UNFOLD_BYTES (64u << 20)
#define LIMIT_HTTP_UNFOLD_RATIO 200
/* Window that a zstd frame may ask for (RFC 8878 3.1.1.1.2 recommends 8 MiB for decoders). Larger: coding refused. */
#define LIMIT_HTTP_ZSTD_WINDOW_LOG 23
/* Client bytes held back after a CONNECT or Upgrade until the answer says what they are. Clients send a TLS or HTTP/2
 * opening at most; past it the rest is declared lost. */
#define LIMIT_HTTP_HELD (64u << 10)
/* A CONNECT inside a CONNECT: proxies chain, but not for ever. Deeper is not parsed (http-tunnel-too-deep). */
#define LIMIT_TUNNEL_DEPTH 3

/* ---- http/2 ---- */
/* Streams of one connection that are followed at a time. nginx allows 128, Go 250, Node and most others 100. At the cap
 * the oldest leaves, one that nobody reads first, so that idle streams cannot hide a real one (http2-streams-limit). */
#define LIMIT_HTTP2_STREAMS 128
/* Bodies of one connection that are read at a time, some 9 KiB each; evidence waits for no more exchanges. At the cap the
 * oldest stream that is read leaves (http2-streams-limit). */
#define LIMIT_HTTP2_BODIES LIMIT_HTTP_PIPELINE
/* Memory of all content decoders of one connection: windows reach 16 MiB (brotli) and 8 MiB (zstd) for each body. A body
 * whose decoder passes it is abandoned (http-unfold-limit). */
#define LIMIT_HTTP2_CODING_BYTES (32u << 20)
/* Size that a sender may give its HPACK table. The default is 4 KiB, browsers take 64 KiB. A larger one: the table counts
 * as lost (http2-hpack). An entry costs us five times what HPACK counts for it at worst: 330 KiB each way. */
#define LIMIT_HTTP2_TABLE_BYTES (64u << 10)
/* CONTINUATION frames of one header block, full or empty, before it is called a flood. A block of LIMIT_HTTP_HEADER_BYTES
 * needs 64 of the default size. More: read on, since nothing is kept of them and some servers do, but counted once; a longer
 * block: that direction turns bad (http2-continuation-limit). */
#define LIMIT_HTTP2_CONTINUATIONS 128
/* Streams reset, and SETTINGS, PING, PRIORITY and unknown frames, on one connection before it is called a flood. Nothing
 * is kept of either, so nothing is refused: the name is counted once (http2-reset-flood, http2-control-flood). */
#define LIMIT_HTTP2_RESETS 1000
#define LIMIT_HTTP2_CONTROLS 10000
/* HEADERS frames that are tried in one segment when the place is looked for after a gap. More: the segment is passed. */
#define LIMIT_HTTP2_TRIALS 4
/* The same on one direction until an answer vouches for a place, and bytes that earn one more: each costs some 50 us, and a place
 * with a table of 64 KiB as much as 16. At the cap nothing is tried until enough bytes have passed. */
#define LIMIT_HTTP2_PLACES 64
#define LIMIT_HTTP2_PLACE_BYTES 1024

/* ---- sse, json ---- */
/* Bytes of one SSE line that are looked at for the fields event, id, retry. Data lines are streamed, never held. */
#define LIMIT_SSE_FIELD 1024
/* Nesting of a JSON text. Deeper: the message is refused (json-depth-limit); honest MCP stays below 64. */
#define LIMIT_JSON_DEPTH 512
/* Messages of one batch (MCP 2025-03-26 only). More: the rest is skipped (json-batch-limit). */
#define LIMIT_JSON_BATCH 1024

/* ---- what servers offer: answers to tools/list and its like ---- */
/* Definitions kept of one page of a list, and bytes that they take (with their texts, where those are wanted). Real servers have up to
 * some hundred, of 1 KB each. At the cap the rest is counted; the list is told to be incomplete. */
#define LIMIT_OFFER_DEFINITIONS 2000
#define LIMIT_OFFER_PAGE_BYTES (1u << 20)
/* Bytes of one page that are hashed: what looks like a list may go on for ever. At the cap, as above. */
#define LIMIT_OFFER_PAGE_READ (8u << 20)
/* Nesting of one definition, and members of its objects that are open at a time. Real schemas stay below 20 and 300. Past them the
 * definition has no hash, and says so: a change of it is not seen. */
#define LIMIT_DEFINITION_DEPTH 64
#define LIMIT_DEFINITION_MEMBERS 4096
/* Bytes of a definition's name or URI, and of its text where texts are stored, with the closing NUL. A name that is longer is cut
 * and ends in "~" and the beginning of its hash; a text is cut. */
#define LIMIT_OFFER_NAME LIMIT_PATH
#define LIMIT_DEFINITION_TEXT (16u << 10)

/* Bytes of one record of a page on its way to the recorder; a larger page goes in several. Less than LIMIT_MESSAGE_UP. */
#define LIMIT_OFFER_RECORD (256u << 10)
/* Bytes of such records that one connection may tell at once, and in a second of packet time on the average. Clients ask some times an
 * hour; a server that repeats itself without end must not fill the recorder's hands. Past them a page is left out (mcp-offers-limit). */
#define LIMIT_OFFER_BURST (4u << 20)
#define LIMIT_OFFER_RATE (64u << 10)

/* ---- calls, for the audit log ---- */
/* Records of calls of one connection that wait until it is sure that they are MCP. A dialogue is sure with its first answer; clients have a
 * handful of requests under way. Past it the oldest leaves, and makes no row (mcp-calls-limit). */
#define LIMIT_CALLS_HELD 64
/* Requests that wait for their answers in the recorder, some 800 bytes each, and those of one connection: HTTP/2 has 128 streams. At a cap the
 * oldest is written as not-seen, with the remark too-many. */
#define LIMIT_CALLS_PENDING 16384
#define LIMIT_CALLS_CONNECTION 256
/* Seconds of packet time that a request of a session waits on when its own connection has no more to say: the legacy transport answers on
 * another one, and a broken stream may be taken up again. A tool that takes longer is written as no-answer. */
#define LIMIT_CALL_ORPHAN_SECONDS 3600
/* Answers without a request that are remembered, and for how long: two connections may be captured in the wrong order. Past it the oldest is
 * forgotten. */
#define LIMIT_CALL_ANSWERS 64
#define LIMIT_CALL_EARLY_NS (INT64_C(1) * 1000000000)

/* ---- websocket, socks ---- */
/* Frames of one direction that an endpoint would have to close the connection for (RFC 6455 7.1.7). Honest peers close
 * at the first, careless ones go on; past it the direction is not read any more. Payload needs no cap: none of it is
 * kept, whatever the length of a frame or the number of fragments. What compressed messages may unfold to:
 * LIMIT_HTTP_UNFOLD_BYTES each, and LIMIT_HTTP_UNFOLD_RATIO over the whole direction (websocket-unfold-limit). */
#define LIMIT_WEBSOCKET_BREACHES 64
/* Bytes of one message of a SOCKS opening: a user name and a password take 513. Longer: not read as SOCKS. */
#define LIMIT_SOCKS_MESSAGE 1024

/* ---- tls ---- */
/* Bytes of one ClientHello; post-quantum ones reach 2 KiB, RFC 8446 allows 16 MiB. Larger: tls-hello-limit. */
#define LIMIT_TLS_HELLO (64u << 10)
/* Bytes of the server's first flight that are read (ServerHello and, up to TLS 1.2, certificates). */
#define LIMIT_TLS_SERVER_FLIGHT (64u << 10)
/* Bytes of one direction that are looked at, record headers and empty records included, until its part is read. A hello of
 * the largest size in records of one byte takes 384 KiB. Past it the direction is given up (tls-hello-limit). */
#define LIMIT_TLS_PREAMBLE (512u << 10)
/* Values in one list of a ClientHello (ciphers, extensions, signature algorithms) that JA4 is made of. Real ones stay
 * below 200. More: no JA4. */
#define LIMIT_TLS_JA4_VALUES 1024
/* Connections whose secrets are kept, some 340 bytes each: 22 MiB, the busiest hour of a large gateway. At the cap the oldest is
 * wiped (tls-secrets-limit). A power of two. */
#define LIMIT_TLS_SECRETS 65536
/* Sessions of TLS 1.2 whose master secret may be used again under another client random, 40 bytes each. At the cap an older one of
 * the same set of four is replaced: its resumption is not read unless the key log names it too. */
#define LIMIT_TLS_SESSIONS 16384
/* Sessions that one shard learns of in one batch of packets. More: not noted. */
#define LIMIT_TLS_LEARNED 64
/* Bytes of one connection, both directions, that wait for a secret or for the other direction. A key log that is written by the client
 * itself has the secret before the first request; half a megabyte bridges seconds of a chatty session. At the cap the connection is
 * given up (tls-waiting-limit): its name stays evidence. */
#define LIMIT_TLS_WAITING (512u << 10)
/* The same of all connections of one shard: 128 MiB in all, and only while secrets may come. At the cap the one that has waited
 * longest is given up (tls-waiting-limit). */
#define LIMIT_SHARD_TLS_WAITING (2u << 20)
/* Records of a direction that are tried for their place after a gap, or where a secret of the handshake is missing: 5 us each at
 * worst. At the cap that direction is not read any more (tls-place-lost). */
#define LIMIT_TLS_PLACE_TRIES 4096
/* Sequence numbers that one record is tried with: a gap of 16 MiB has a thousand full records. */
#define LIMIT_TLS_PLACE_REACH 1024
/* TLS inside TLS that is decrypted: to a proxy, and through it. Deeper is not read. */
#define LIMIT_TLS_DEPTH 2
/* Bytes of one line of a key log: label, client random and secret take 200. Longer: malformed. */
#define LIMIT_KEYLOG_LINE 1024
/* Key log files that one sensor follows. */
#define LIMIT_KEYLOGS 8
/* Malformed lines of one key log that are told of one by one; all are counted. Those of all key logs at once, and all interfaces, are fewer
 * than LIMIT_NOTICES_SECOND. */
#define LIMIT_KEYLOG_TOLD 3
/* Bytes of a key log that go down the channel at a time. */
#define LIMIT_KEYLOG_CHUNK (64u << 10)
/* Bytes of key logs that the sensor process has heard and not yet read (it does 20 times a second). More: not read
 * (keylog.unheard). */
#define LIMIT_KEYLOG_HEARD (32u << 20)

/* ---- quic ---- */
/* Bytes of one Initial packet. Jumbo frames hold 9 KB, and nobody sends that much before he knows the path. Longer: counted as one
 * that cannot be opened (quic-initial-unopened). */
#define LIMIT_QUIC_PACKET (16u << 10)
/* Bytes of one direction's CRYPTO frames that are kept until its hello is complete, as much as of a ClientHello in TLS. Post-quantum
 * ones take 2 KiB. What lies past it is dropped (quic-crypto-limit); the name is then one that never approves. */
#define LIMIT_QUIC_CRYPTO LIMIT_TLS_HELLO
/* Pieces of it that lie apart from each other, 12 bytes each. Chrome makes some twenty of a hello. More: dropped (quic-crypto-limit). */
#define LIMIT_QUIC_PIECES 1024
/* Connections of one UDP flow that are read at a time. Browsers open one on each port, libraries that share a socket reconnect on the
 * same one. At the cap the oldest that was read leaves, else the oldest, read as far as it goes (quic-connections-limit). */
#define LIMIT_QUIC_CONNECTIONS 4
/* Initials of one flow in a second of packet time that are asked whether they open a connection not known yet, some 10 us each. Each is paid for
 * with a datagram of 1,200 bytes, so it takes 10 Mbit/s to come here. More: not opened (quic-initials-limit). */
#define LIMIT_QUIC_TRIES 1000
/* Initials in one datagram that are opened. Stacks put one there, or two; thirty small ones fit, each for every known connection's keys. More:
 * not opened (quic-initials-limit). */
#define LIMIT_QUIC_INITIALS 4

/* ---- dns ---- */
/* Records of one answer section that are read, and addresses that are told of. Large answers have some thirty; a datagram of 64 KiB has room
 * for 4,000. At a cap the rest is left out, and the answer counts as incomplete: that an address is not in it proves nothing. */
#define LIMIT_DNS_RECORDS 256
#define LIMIT_DNS_ADDRESSES 32
/* Names from the one asked for to the addresses; resolvers give up after 8 to 17. Past it: likewise. */
#define LIMIT_DNS_CHAIN 17
/* Compression pointers in one name: each must lead backwards, and an honest one needs one. More: the message is malformed. */
#define LIMIT_DNS_JUMPS 32
/* Answers that a shard remembers to have told of, 16 bytes each, 1 MiB in all. A slot taken by another answer: told once more. */
#define LIMIT_SHARD_NAMES_TOLD 1024
/* Seconds that an address is taken to be a name's, least and most, whatever the TTL says. Browsers and runtimes keep answers for a minute also
 * where the TTL is less; resolvers cap TTLs at a day (RFC 8767 4: at seven). */
#define LIMIT_NAMES_LEAST_SECONDS 60
#define LIMIT_NAMES_MOST_SECONDS 86400
/* Addresses that clients were told, over all clients, some 150 bytes each, and their names. At the cap the one that was told longest ago
 * is forgotten (names.forgotten), and with it what it could have named. */
#define LIMIT_NAMES_GIVEN 131072
/* Names that one client was told for one address that are looked at: past two it makes no difference how many they are. */
#define LIMIT_NAMES_LOOKED 256
/* Clients whose first answer is remembered, to know since when their DNS is seen. At the cap the one that was told nothing for longest is
 * forgotten: its next answer counts as its first. */
#define LIMIT_NAMES_CLIENTS 16384
/* Look-ups of dedicated hosts that wait for a connection, and for how long. At the cap the oldest counts as one that nobody came of. */
#define LIMIT_NAMES_LOOKUPS 4096
#define LIMIT_NAMES_LOOKUP_SECONDS 300
/* Seconds that a client's DNS must have been seen before an address that it was not told of is a finding: it may have it from before. As long
 * as the name's TTL, and at least this. */
#define LIMIT_NAMES_SEEN_SECONDS 300

/* ---- text that strangers wrote: bytes kept, including the closing NUL ---- */
#define LIMIT_HOST 262           /* 253 for a name, ':' and a port */
#define LIMIT_PATH 512
#define LIMIT_USER_AGENT 256
#define LIMIT_NAME 128           /* client, server and tool names */
#define LIMIT_VERSION 64
#define LIMIT_METHOD 64
#define LIMIT_SNI 256
#define LIMIT_ALPN 32
#define LIMIT_DETAIL 256         /* the sentence of a reason */
#define LIMIT_SIGNATURE_ID 64

/* ---- signatures ---- */
/* Signatures in all directories together. We ship a thousand; a site's own list may be long. More: loading fails. */
#define LIMIT_SIGNATURES 100000
/* Patterns of one kind that must be tried one by one (globs, prefixes, templates; exact names and "*." suffixes are
 * hashed or sorted and do not count). 2,000 globs cost some 80 us per look-up, ours cost 1. More: loading fails. */
#define LIMIT_SIGNATURE_SCAN 2000
/* Directories given to --signatures. */
#define LIMIT_SIGNATURE_DIRECTORIES 16
/* Bytes of a pattern, vendor, source or version in a signature file, including the closing NUL. */
#define LIMIT_SIGNATURE_TEXT 512

/* ---- between the processes of a live sensor ---- */
/* Bytes of one message up the channel: an observation with all its names and reasons stays below 200 KB. A longer claim: the sensor process
 * is broken, is ended and started again. */
#define LIMIT_MESSAGE_UP (1u << 20)
/* Bytes of one message down: the signature files of all directories. More: loading fails. */
#define LIMIT_MESSAGE_DOWN (64u << 20)
/* Bytes that are read from the channel at a time. */
#define LIMIT_CHANNEL_READ (64u << 10)
/* Bytes that wait in the sensor process for a recorder that does not read. Past it observations are dropped and counted
 * (process.observations_lost); the next one of the same connection says all that this one said. */
#define LIMIT_SENSOR_OUTBOX (32u << 20)
/* Connections that the recorder asked evidence for and the sensor has not looked up yet (it does 20 times a second). More: their packets
 * are not written (evidence.unwritten). */
#define LIMIT_WANTED 1024
/* Notices of the sensor process in one second: an honest one has as many as there are interfaces to go up or down. More: it is broken, is
 * ended and started again, so that it cannot fill the journal. */
#define LIMIT_NOTICES_SECOND 50
/* Milliseconds between two evidence files: a sensor process that is not honest must not fill a directory with empty ones. A file may grow
 * past its size meanwhile. */
#define LIMIT_EVIDENCE_FILE_MS 1000
/* Bytes that an evidence file may have beyond its size, until the next one is there. The kernel refuses more (RLIMIT_FSIZE). */
#define LIMIT_EVIDENCE_FILE_MORE (256u << 20)
/* Named counters that one process tells of, and bytes of a name with its NUL. We have some 150. */
#define LIMIT_COUNTERS 512
#define LIMIT_COUNTER_NAME 64
/* Packets, and batches of them, that one capture thread hands over at a time. With all of them waiting the kernel's ring has to hold the
 * rest. */
#define LIMIT_LANE_PACKETS 256
#define LIMIT_LANE_BATCHES 8
/* Looks, a second apart, that a capture thread may go without coming back from reading a batch, which takes milliseconds. At the cap
 * it hangs: the sensor process ends itself and the recorder starts another one. */
#define LIMIT_LANE_LOOKS 10
/* Bytes of a configuration file. More: refused. */
#define LIMIT_CONFIG_FILE (1u << 20)
/* Bytes of events that wait for whoever reads the standard output of `live`, two times over. Past it they are not printed, which is
 * counted and said once; the database has them. */
#define LIMIT_PRINT_BYTES (4u << 20)
/* Interfaces that one sensor reads. */
#define LIMIT_INTERFACES 16
/* Capture threads in all. */
#define LIMIT_LANES 32

/* ---- events ---- */
/* Distinct names in methods, server_methods and tools_called; the rest is counted under "(other)" (contract). */
#define LIMIT_NAMES 256
/* Authorities on one connection that get a row of their own (contract: one event per connection and authority). At the cap
 * one without evidence leaves; if all have some, the next gets none (mcp-authorities-limit). */
#define LIMIT_AUTHORITIES 16
/* Servers that one connection, or one request in it, asks a vendor's cloud to connect to. APIs allow some twenty in a request; a gateway may share
 * its connection among many. At the cap the next one gets no event (connectors-limit). Bits of a uint32_t. */
#define LIMIT_CONNECTORS 32
/* Exchanges of one connection whose answer is awaited with evidence in hand. As many as HTTP pairs. */
#define LIMIT_EXCHANGES LIMIT_HTTP_PIPELINE
/* JSON-RPC ids remembered per direction of a newline-delimited TCP dialogue. */
#define LIMIT_DIALOGUE_IDS 16
/* Addresses of clients that proxies claim, per event. A chain of proxies has two or three; a shared connection behind a reverse
 * proxy carries many clients: the first ones stand. */
#define LIMIT_CLAIMED_CLIENTS 8
/* Sessions whose keys an observation carries; a connection that a proxy shares may carry more: the first ones stand, and a
 * connection belongs to the session of its first key. */
#define LIMIT_SESSION_KEYS 16
/* Connections and authorities of which the recorder knows the latest observation, and their bytes (2 KiB each, most). At the cap the one
 * that has been silent longest leaves, counted; its row stays as it was last written, and its next observation finds it anew. */
#define LIMIT_SESSION_ENTRIES 32768
#define LIMIT_SESSION_BYTES (64u << 20)
/* Seconds of packet time without a word after which a connection leaves the recorder's memory, and with its last connection a session:
 * longer than an open connection may be silent (LIMIT_FLOW_OPEN_SECONDS). */
#define LIMIT_SESSION_SILENT_SECONDS 7500
/* Seconds of packet time in which a connection without a session id is taken for one of the same client's: as the client names itself, and where
 * it says nothing, or was refused and tried another era. Later: a session of its own. */
#define LIMIT_SESSION_NAMED_SECONDS 600
#define LIMIT_SESSION_NEAR_SECONDS 30
/* Sessions of one client at one server and path that are looked at for such a connection. Past it only one that names the client counts. */
#define LIMIT_SESSION_PEERS 16
/* Connections of a session, the latest ones, that are written again at once when another one tells what they lacked; the others are when they
 * next have something to say, or settle. */
#define LIMIT_SESSION_REWRITES 128
/* Seconds of packet time that a session has to be silent for `replay` to print those of its events that ended. */
#define LIMIT_SESSION_HOLD_SECONDS 5
/* Tags and posture findings of an event: both come from fixed lists that are shorter. */
#define LIMIT_TAGS 8
#define LIMIT_FINDINGS 24
/* Reasons kept per event; later evidence still raises confidence and stage. */
#define LIMIT_REASONS 32

/* ---- what servers offer, in the recorder ---- */
/* Servers (tenant, authority and path), definitions in all, and bytes that are remembered of them, to compare with. At a cap the server that
 * nobody has asked for longest leaves; its rows stay in the database. A large site has some hundred servers of some ten tools each. */
#define LIMIT_CATALOG_SERVERS 4096
#define LIMIT_CATALOG_DEFINITIONS 50000
#define LIMIT_CATALOG_BYTES (64u << 20)
/* Definitions of one server. More: not compared, and counted (catalog.refused). */
#define LIMIT_CATALOG_SERVER_DEFINITIONS 5000
/* Versions remembered of one definition; at the cap the one that was seen last longest ago leaves. */
#define LIMIT_CATALOG_VERSIONS 16
/* Changes of one definition in one day of packet time that are told: a text with the time of day in it is another one with each listing. At
 * the cap its row says "unstable". Less than LIMIT_CATALOG_VERSIONS. */
#define LIMIT_CATALOG_CHANGES_DAY 8
/* Changes told of one page: a server that was replaced changed all of its tools. More: the rows have them, no event (catalog.untold). */
#define LIMIT_CATALOG_CHANGES_PAGE 64
/* Clients at a time whose place in a server's list is remembered, page by page. At the cap the one that was read last longest ago is forgotten:
 * its list does not become whole. */
#define LIMIT_CATALOG_READERS 8
/* Clients of servers that are remembered, to know a portal by its own connections, and for how long. At the cap the oldest leaves. */
#define LIMIT_CATALOG_LEGS 256
#define LIMIT_CATALOG_LEG_NS (INT64_C(86400) * 1000000000)
/* Names looked up, when a list of tools was read, to see whether a server hands on those of others. A portal of 500 tools
 * before ten servers takes some 15,000. At the cap, a few milliseconds, nobody else is tagged as one this time: it is who offers thousands of
 * names with a hundred dashes in each. */
#define LIMIT_CATALOG_LOOK_UPS 50000
/* How long a row may be behind in when something was last seen, unless nothing further comes. */
#define LIMIT_CATALOG_TELL_NS (INT64_C(60) * 1000000000)

/* ---- policy ---- */
/* Patterns in one allow or deny list, and those among them that begin and end with a wildcard, which are tried one by one: 1,000 of the
 * latter take some 50 us for a name. More: loading fails. */
#define LIMIT_POLICY_GLOBS 10000
#define LIMIT_POLICY_SCAN 1000
/* Groups of clients in one policy. More: loading fails. */
#define LIMIT_POLICY_GROUPS 1000
/* Names of one kind (tools, resources, prompts) that a violation spells out; one more reason says how many others there are. */
#define LIMIT_POLICY_NAMED 8

/* ---- evidence packets ---- */
/* Bytes written of one connection. Handshakes, calls and results of a long session; a file of 100 MB still holds six that went
 * on and on. Later packets are counted, not written (evidence: cut). */
#define LIMIT_EVIDENCE_CONNECTION_BYTES (16u << 20)

/* ---- confinement ---- */
/* Descriptors that are looked at when a process is confined. They are given out from the lowest on, and a sensor has some
 * tens. A socket past it could be written to. */
#define LIMIT_CONFINE_DESCRIPTORS 4096

/* Bytes of one event's JSON text. The largest honest one (three times 256 names, each character spelt out) stays below
 * 700 KiB. Longer: not an event of ours; refused by the store, lost (and counted) by the backlog. */
#define LIMIT_EVENT_TEXT (1u << 20)

/* ---- store ---- */
/* Distinct events buffered between two commits, and what they take in memory. Event ids are
 * hashes, so each row lands on other pages of the indexes: a larger commit writes each page once for more rows (2,000 at a time take two
 * thirds of the CPU and a quarter of the writing that 500 take). At the cap the batch is committed; if that fails the next event is not taken (and its failure returned). */
#define LIMIT_STORE_BATCH_ROWS 2000
#define LIMIT_STORE_BATCH_BYTES (16u << 20)
/* Bytes of who acknowledged an event and why, with the closing NUL: a name, a sentence or two with a ticket's number. Longer: refused. */
#define LIMIT_ACK_BY 128
#define LIMIT_ACK_WHY 512
/* Digits of an event id, at least, by which one is acknowledged: fewer are a slip of the hand that happens to fit. Fewer: refused. */
#define LIMIT_ACK_PREFIX 4
/* Rows of definitions in the database, where retention is on. At the cap those that were seen last longest ago go. */
#define LIMIT_STORE_DEFINITIONS 200000
/* Rows deleted and free pages given back by one step of retention: some ten milliseconds. What is left is for the next step. */
#define LIMIT_RETAIN_ROWS 500
#define LIMIT_RETAIN_PAGES 500
/* Free pages (1 MiB) that stay in the database to be used again. Above, they go back to the file system. */
#define LIMIT_RETAIN_FREE_PAGES 256

/* ---- alerts ---- */
/* Windows of (client, authority, verdict) that are remembered, some 10 MiB of the database. At the cap the one that began
 * first is forgotten: its next event makes an alert of its own. */
#define LIMIT_ALERT_WINDOWS 50000
/* Events that are remembered as counted, some 20 MiB of the database. At the cap the first one is forgotten: an update of it that still
 * comes counts again. */
#define LIMIT_ALERT_SEEN 200000
/* Exits that one sensor alerts through: each has a thread and a connection to the database. More are refused. */
#define LIMIT_ALERT_EXITS 8
/* Bytes of the spec of one exit (--alert). More: refused. */
#define LIMIT_ALERT_SPEC 4096
/* Alerts, and their bytes, that one exit holds after it has sent them, because a socket does not say that they were read; they go once more when
 * the connection breaks. At the cap the oldest that the other side's kernel has acknowledged leave; if none has, sending waits. */
#define LIMIT_ALERT_UNSETTLED 2048
#define LIMIT_ALERT_UNSETTLED_BYTES (4u << 20)
/* Bytes of one syslog message, least (what every receiver must take, RFC 5424 6.1), most (fits into a datagram), and what is allowed when
 * nothing is said: with RFC 3164 in a datagram (its 4.1), in a datagram (RFC 5426 3.2), otherwise (rsyslog's own cap). Past it: cut, and marked. */
#define LIMIT_SYSLOG_LEAST 480
#define LIMIT_SYSLOG_MOST 65000
#define LIMIT_SYSLOG_3164_DATAGRAM 1024
#define LIMIT_SYSLOG_DATAGRAM 2048
#define LIMIT_SYSLOG_STREAM 8192
/* Seconds that one try to send may take, most and when nothing is said. */
#define LIMIT_ALERT_TIMEOUT_SECONDS 300
#define ALERT_TIMEOUT_SECONDS 10
/* Bytes of a webhook's answer that are read (and thrown away). More: the connection is closed; its status counts. */
#define LIMIT_WEBHOOK_ANSWER (64u << 10)
/* Seconds that a webhook may tell us to wait (Retry-After). A longer wish is cut to it. */
#define LIMIT_WEBHOOK_WAIT_SECONDS 3600
/* Bytes of the file with a webhook's token. More: the token is not used, the alert waits. */
#define LIMIT_WEBHOOK_TOKEN 8192
/* Tools, methods, reasons and the like that one line of text or CEF names: enough to see what it is about; syslog receivers cut at 1 to 8 KiB.
 * The line says how many more there are; the JSON formats carry all. */
#define LIMIT_ALERT_LISTED 8

#endif
