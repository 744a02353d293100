-- pgvector; its availability, the right to create it and its version are checked first.
CREATE EXTENSION vector;
