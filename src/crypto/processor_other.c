#include "crypto/processor.h"

bool processor_has_aes(void) {
	return false;
}
