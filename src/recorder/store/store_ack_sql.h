/* The one rule of what an acknowledgement covers, as SQL over `acknowledgements AS a` and `events`: the table, or one
 * row of the same columns. Also in the view `acknowledged` (schema/0006_acknowledgements.sql). Private to this folder. */
#ifndef SHADOWTAP_STORE_ACK_SQL_H
#define SHADOWTAP_STORE_ACK_SQL_H

/* A word's rank: its place in a list. */
#define ACK_NO_MORE(field, order) "instr('" order "', events." field ") <= instr('" order "', a." field ")"

#define ACK_VERDICT ACK_NO_MORE("verdict", "approved violation unauthorized")
#define ACK_CONFIDENCE ACK_NO_MORE("confidence", "possible likely confirmed")
#define ACK_SEVERITY ACK_NO_MORE("severity", "info low medium high")

/* Only an answer makes a stage worse: that an unanswered request is known to be unanswered does not. */
#define ACK_STAGE "(events.stage <> 'established' OR a.stage = 'established')"

#define ACK_FINDINGS                                                                                                   \
	"NOT EXISTS (SELECT 1 FROM json_each(events.findings) AS f WHERE f.value NOT IN "                              \
	"(SELECT g.value FROM json_each(a.findings) AS g))"

/* The event is what was acknowledged, or milder. Where nobody had seen it (verdict is null) anything is covered. */
#define ACK_COVERS                                                                                                     \
	"(a.verdict IS NULL OR (" ACK_VERDICT " AND " ACK_CONFIDENCE " AND " ACK_SEVERITY " AND " ACK_STAGE            \
	" AND " ACK_FINDINGS "))"

/* And its time is not over, by the event's own packets. */
#define ACK_HOLDS "a.event_id = events.event_id AND a.until > events.last_seen AND " ACK_COVERS

#endif
