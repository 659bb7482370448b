-- What the recorder knows beyond the connection itself (docs/events.md): JSON text, but for the name. Rows written before there
-- were such columns know nothing of the kind.
ALTER TABLE events ADD COLUMN tags TEXT DEFAULT '[]';
ALTER TABLE events ADD COLUMN dns_name TEXT;
ALTER TABLE events ADD COLUMN resources_read TEXT DEFAULT '{}';
ALTER TABLE events ADD COLUMN prompts_got TEXT DEFAULT '{}';
ALTER TABLE events ADD COLUMN connector TEXT;
ALTER TABLE events ADD COLUMN change TEXT;
