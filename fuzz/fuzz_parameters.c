/* Parameters that decode encode, in the order of their types, and decode to the same again. */
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/parameters.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct parameters parameters, second;
	static uint8_t again[PARAMETERS_SIZE_MAX], third[PARAMETERS_SIZE_MAX];
	size_t made = 0, remade = 0;
	if (parameters_decode(data, size, &parameters))
		return 0;
	expect(parameters_encode(&parameters, again, sizeof again, &made) == ERR_OK);
	expect(made <= size);
	expect(parameters_decode(again, made, &second) == ERR_OK);
	expect(parameters_encode(&second, third, sizeof third, &remade) == ERR_OK);
	expect(made == remade && memcmp(again, third, made) == 0);
	expect(parameters.keepalive == second.keepalive && parameters.has_ticket == second.has_ticket);
	return 0;
}
