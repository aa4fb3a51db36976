#include "crypto/processor.h"

/* With carry-less multiplication, which GCM is slow without. */
bool processor_has_aes(void) {
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
}
