-- The role stays: it may own grants in other databases of the server.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'kai_app') THEN
        ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT, INSERT, UPDATE, DELETE ON TABLES FROM kai_app;
        REVOKE ALL ON ALL TABLES IN SCHEMA public FROM kai_app;
        REVOKE USAGE ON SCHEMA public FROM kai_app;
    END IF;
END
$$;
