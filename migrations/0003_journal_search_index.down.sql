-- no-transaction
DROP INDEX CONCURRENTLY ix_journal_entries_search;
