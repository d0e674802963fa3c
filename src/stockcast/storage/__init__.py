"""Files that are written whole, documents, tables, locks and databases on disk."""
