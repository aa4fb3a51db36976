/* Settings that decode encode, in the order of their kinds, and decode to the same again. */
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/stream_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct stream_settings settings, second;
	static uint8_t again[STREAM_SETTINGS_SIZE_MAX], third[STREAM_SETTINGS_SIZE_MAX];
	size_t made = 0, remade = 0;
	if (stream_settings_decode(data, size, &settings))
		return 0;
	expect(stream_settings_encode(&settings, again, sizeof again, &made) == ERR_OK);
	expect(made <= size);
	expect(stream_settings_decode(again, made, &second) == ERR_OK);
	expect(stream_settings_encode(&second, third, sizeof third, &remade) == ERR_OK);
	expect(made == remade && memcmp(again, third, made) == 0);
	expect(settings.interface.mtu == second.interface.mtu && settings.shaping == second.shaping);
	return 0;
}
