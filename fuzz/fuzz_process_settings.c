/* Settings that decode encode, in the order of their kinds, and decode to the same again. */
#include <stdint.h>

#include "expect.h"
#include "wire/process_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct interface_settings settings, second;
	static uint8_t again[PROCESS_SETTINGS_SIZE_MAX];
	size_t made = 0;
	if (process_settings_decode(data, size, &settings))
		return 0;
	expect(interface_settings_are_valid(&settings));
	expect(process_settings_encode(&settings, again, &made) == ERR_OK);
	expect(made == size);
	expect(process_settings_decode(again, made, &second) == ERR_OK);
	expect(interface_settings_equal(&settings, &second));
	return 0;
}
