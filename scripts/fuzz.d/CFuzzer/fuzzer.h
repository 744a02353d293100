#include <stddef.h>
#include <stdint.h>

/// libFuzzer's own driver: it reads the arguments and calls `run` with one input after another.
int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*run)(const uint8_t *bytes, size_t count));
