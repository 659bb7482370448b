-- What servers offer (docs/offers.md, "The tables"): a row for each content that a definition has had, and one for each list.
-- tenant: the layers around the packets, as in `encapsulation`, joined by '/'; path: '' where none is known; hash: '' for a definition
-- that was too large for one. complete_seen: when the list was read whole last, complete_since: when its first page was then.
-- Times are packet times.
CREATE TABLE definitions (
	tenant TEXT NOT NULL,
	server TEXT NOT NULL,
	path TEXT NOT NULL,
	list TEXT NOT NULL CHECK (list IN ('tools', 'prompts', 'resources', 'resource-templates')),
	name TEXT NOT NULL,
	hash TEXT NOT NULL,
	parts TEXT NOT NULL,
	first_seen TEXT NOT NULL,
	last_seen TEXT NOT NULL,
	"before" TEXT,
	findings TEXT NOT NULL,
	unstable INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	text TEXT,
	PRIMARY KEY (tenant, server, path, list, name, hash)
) STRICT;
CREATE INDEX definitions_last_seen ON definitions (last_seen);

CREATE TABLE definition_lists (
	tenant TEXT NOT NULL,
	server TEXT NOT NULL,
	path TEXT NOT NULL,
	list TEXT NOT NULL CHECK (list IN ('tools', 'prompts', 'resources', 'resource-templates')),
	first_seen TEXT NOT NULL,
	last_seen TEXT NOT NULL,
	complete_seen TEXT,
	complete_since TEXT,
	definitions INTEGER NOT NULL,
	tags TEXT NOT NULL,
	PRIMARY KEY (tenant, server, path, list)
) STRICT;
CREATE INDEX definition_lists_last_seen ON definition_lists (last_seen);

-- The content of each definition that was seen last. `gone`: the list was read as a whole since, without it.
CREATE VIEW offers AS
SELECT d.tenant, d.server, d.path, d.list, d.name, d.hash, d.findings, d.unstable, d.bytes, d.text, d.parts, d."before",
       h.first_seen, d.last_seen, h.versions,
       coalesce(l.complete_since > d.last_seen, 0) AS gone,
       coalesce(l.complete_seen IS NULL OR l.complete_seen < l.last_seen, 1) AS incomplete,
       coalesce(l.tags, '[]') AS tags
FROM (SELECT *, row_number() OVER (PARTITION BY tenant, server, path, list, name ORDER BY last_seen DESC, first_seen DESC, hash) AS place
      FROM definitions) AS d
JOIN (SELECT tenant, server, path, list, name, min(first_seen) AS first_seen, count(*) AS versions
      FROM definitions GROUP BY tenant, server, path, list, name) AS h USING (tenant, server, path, list, name)
LEFT JOIN definition_lists AS l USING (tenant, server, path, list)
WHERE d.place = 1;
