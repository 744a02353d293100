#ifndef VECFILL_CRELEASE_H
#define VECFILL_CRELEASE_H

#define VECFILL_VERSION "0.1.0"

// The commit of this build; "" where the build was not told one.
const char *vecfill_commit(void);

#endif
