#ifndef VECFILL_CPOSTGRES_H
#define VECFILL_CPOSTGRES_H

#include <libpq-fe.h>

#endif
