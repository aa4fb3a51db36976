#include "base/wipe.h"

#include <stdint.h>
#include <string.h>

void wipe(void *data, size_t size) {
	if (size > 0)
		explicit_bzero(data, size);
}

bool wipe_equal(const void *left, const void *right, size_t size) {
	const volatile uint8_t *l = left, *r = right;
	uint8_t difference = 0;
	for (size_t i = 0; i < size; i++)
		difference |= (uint8_t)(l[i] ^ r[i]);
	return difference == 0;
}

bool wipe_is_zero(const void *data, size_t size) {
	const volatile uint8_t *bytes = data;
	uint8_t any = 0;
	for (size_t i = 0; i < size; i++)
		any |= bytes[i];
	return any == 0;
}
