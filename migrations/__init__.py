"""Database migrations (Alembic), packaged as annot_server.migrations."""
