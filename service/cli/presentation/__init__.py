"""What commands print: tables, JSON, errors, the conclusion of a search."""
