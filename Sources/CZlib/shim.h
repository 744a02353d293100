#ifndef VECFILL_CZLIB_H
#define VECFILL_CZLIB_H

#include <zlib.h>

#endif
