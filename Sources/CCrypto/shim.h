#ifndef VECFILL_CCRYPTO_H
#define VECFILL_CCRYPTO_H

#include <openssl/evp.h>

#endif
