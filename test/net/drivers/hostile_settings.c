#include <unistd.h>

#include "daemon/channel.h"
#include "daemon/shared_text.h"
#include "daemon/supervisor.h"
#include "hostile.h"
#include "wire/process_settings.h"

/* 198.51.100.0/24 is nobody else's. */
void hostile_settings(void) {
	const struct process_message message = {.type = PROCESS_SETTINGS};
	struct interface_settings settings = {.mtu = 576, .address_count = 1, .route_count = 1};
	uint8_t data[PROCESS_SETTINGS_SIZE_MAX];
	size_t size;
	int memory;
	(void)prefix_parse("198.51.100.66", &settings.addresses[0]);
	(void)prefix_parse("198.51.100.0/24", &settings.routes[0]);
	if (process_settings_encode(&settings, data, &size) ||
		shared_text_new(slice_of(data, size), &memory))
		return;
	(void)channel_send(SUPERVISOR_CHANNEL, &message, &memory, 1);
	(void)close(memory);
}
