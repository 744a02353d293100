-- Left where vecfill did not create it; refused, never cascaded, where anything else depends on it.
DROP EXTENSION vector;
