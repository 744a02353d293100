// Makes a process take half a second to end, after all that its libraries clean up. Threads that are still at work then use
// what is gone.
#include <stdlib.h>
#include <unistd.h>

static void linger(void) { usleep(500000); }

// The first that is registered is the last to run.
__attribute__((constructor)) static void begin(void) { atexit(linger); }
