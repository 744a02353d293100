#include "CRelease.h"

// Package.swift defines it from the environment, for this file alone: another commit compiles one line anew.
#define TEXT(token) #token
#define TEXT_OF(macro) TEXT(macro)

const char *vecfill_commit(void) { return TEXT_OF(VECFILL_COMMIT); }
