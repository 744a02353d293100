#ifndef VECFILL_CCURL_H
#define VECFILL_CCURL_H

#include <curl/curl.h>

#endif
