-- no-transaction
CREATE INDEX CONCURRENTLY ix_journal_entries_search ON journal_entries USING gin (search);
