-- The proxy that the client spoke to, and whom proxies claim to speak for (docs/proxies.md): JSON text. Rows written before
-- there were such columns know no proxy and no claims.
ALTER TABLE events ADD COLUMN proxy TEXT;
ALTER TABLE events ADD COLUMN claimed_client TEXT DEFAULT '[]';
