-- Whom the functions sign in as where the database takes tokens of IAM: a role that reads and writes rows and cannot change the schema.
-- Elsewhere, and where whoever migrates may make no roles, they sign in as the URL says, and there is nothing to do.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam')
        AND EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND rolcreaterole)
    THEN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kai_app') THEN
            CREATE ROLE kai_app LOGIN;
        END IF;
        GRANT rds_iam TO kai_app;
        GRANT USAGE ON SCHEMA public TO kai_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO kai_app;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO kai_app;
        -- Only migrations read and write what is in force.
        REVOKE ALL ON _sqlx_migrations FROM kai_app;
    END IF;
END
$$;
