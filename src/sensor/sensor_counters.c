#include "sensor_counters.h"

static void interface_counters(struct intake *in, const uint8_t interfaces[], unsigned interface, struct counters *ret)
{
	struct capture_live_counts c = {0};
	bool down = true;
	for (unsigned i = 0; i < intake_lanes(in); i++) {
		struct intake_lane_state l;
		if (interfaces[i] != interface)
			continue;
		intake_lane(in, i, &l);
		c.received += l.counts.capture.received;
		c.dropped += l.counts.capture.dropped;
		if (c.dropped_by_interface < l.counts.capture.dropped_by_interface) /* each lane tells that of all */
			c.dropped_by_interface = l.counts.capture.dropped_by_interface;
		down = l.down || l.over;
	}
	counters_set(ret, c.received, "capture.%u.received", interface);
	counters_set(ret, c.dropped, "capture.%u.dropped", interface);
	counters_set(ret, c.dropped_by_interface, "capture.%u.dropped_by_interface", interface);
	counters_set(ret, down, "capture.%u.down", interface);
}

static void lanes_counters(struct intake *in, const uint8_t interfaces[], unsigned n_interfaces, struct counters *ret)
{
	struct lane_counts all = {0};
	for (unsigned i = 0; i < intake_lanes(in); i++) {
		struct intake_lane_state l;
		intake_lane(in, i, &l);
		all.frames += l.counts.frames;
		all.frame_bytes += l.counts.frame_bytes;
		all.held += l.counts.held;
		all.other += l.counts.other;
		all.refused += l.counts.refused;
		all.fragment_bytes += l.counts.fragment_bytes;
	}
	for (unsigned i = 0; i < n_interfaces; i++)
		interface_counters(in, interfaces, i, ret);
	counters_set(ret, all.frames, "frames.read");
	counters_set(ret, all.frame_bytes, "frames.bytes");
	counters_set(ret, all.other, "frames.other");
	counters_set(ret, all.held, "frames.fragments_held");
	counters_set(ret, all.refused, "frames.malformed");
	counters_set(ret, all.fragment_bytes, "memory.fragments");
	counters_set(ret, intake_memory(in), "memory.lanes");
	counters_set(ret, intake_impatient(in), "process.impatient_rounds");
}

void sensor_counters(const struct sensor *s, struct intake *in, const uint8_t interfaces[], unsigned n_interfaces,
                     struct counters *ret)
{
	struct sensor_stats stats;
	sensor_stats(s, &stats);
	intake_anomalies(in, &stats.anomalies);
	lanes_counters(in, interfaces, n_interfaces, ret);
	counters_set(ret, stats.packets, "frames.decoded");
	counters_set(ret, stats.flows.opened, "flow_table.opened");
	counters_set(ret, stats.flows.alive, "flow_table.alive");
	counters_set(ret, stats.flows.aged, "flow_table.aged");
	counters_set(ret, stats.flows.evicted, "flow_table.evicted");
	counters_set(ret, stats.flows.reused, "flow_table.reused");
	counters_set(ret, stats.flows.one_sided, "flow_table.one_sided");
	counters_set(ret, stats.flows.two_sided, "flow_table.two_sided");
	counters_set(ret, stats.shards.tcp.delivered, "tcp.delivered");
	counters_set(ret, stats.shards.tcp.gaps, "tcp.gaps");
	counters_set(ret, stats.shards.tcp.duplicate, "tcp.duplicate");
	counters_set(ret, stats.shards.tcp.refused, "tcp.refused");
	counters_set(ret, stats.shards.protocols[APP_HTTP1] + stats.shards.protocols[APP_HTTP2], "protocols.http");
	counters_set(ret, stats.shards.protocols[APP_TLS], "protocols.tls");
	counters_set(ret, stats.shards.protocols[APP_QUIC], "protocols.quic");
	counters_set(ret, stats.shards.protocols[APP_JSON_LINES], "protocols.json-lines");
	counters_set(ret, stats.shards.protocols[APP_OTHER] + stats.shards.protocols[APP_UNDECIDED], "protocols.other");
	counters_set(ret, stats.shards.dns_messages, "protocols.dns");
	counters_set(ret, stats.shards.out_of_memory, "process.out_of_memory");
	counters_set(ret, stats.memory.flows, "memory.flows");
	counters_set(ret, stats.memory.work, "memory.work");
	if (stats.tls.on) {
		counters_set(ret, stats.tls.connections.decrypted, "tls.decrypted");
		counters_set(ret, stats.tls.connections.no_secret, "tls.no_secret");
		counters_set(ret, stats.tls.connections.unreadable, "tls.unreadable");
		counters_set(ret, stats.tls.connections.given_up, "tls.given_up");
		counters_set(ret, stats.tls.secrets.connections, "tls.secrets");
		counters_set(ret, stats.tls.secrets.dropped, "tls.secrets_dropped");
		counters_set(ret, stats.memory.secrets, "memory.secrets");
	}
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (stats.anomalies.n[i])
			counters_set(ret, stats.anomalies.n[i], "anomalies.%s", anomaly_name(i));
}
