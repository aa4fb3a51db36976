#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon/privileged_parts.h"
#include "daemon/shared_text.h"
#include "wire/process_settings.h"

/*
 * What the net process says that a server says is held against the configuration, value by value,
 * by the program (node_pushed.c): strangers may be the ones who say so.
 */

static enum err read_settings(int descriptor, struct interface_settings *out_settings) {
	size_t size;
	auto_free char *data = NULL;
	enum err error = shared_text_size(descriptor, PROCESS_SETTINGS_SIZE_MAX, &size);
	if (!error)
		error = shared_text_read(descriptor, &data, &size);
	return error ? error : process_settings_decode((const uint8_t *)data, size, out_settings);
}

bool privileged_take_settings(struct privileged *privileged,
							  const struct channel_message *message) {
	const struct process_message *body = &message->message;
	const struct attachment *attachment = privileged->attachments[body->tunnel];
	struct interface_settings settings;
	enum err error = read_settings(message->descriptors[0], &settings);
	if (error)
		return error == ERR_NO_MEMORY;
	/* One that is being taken down may be told of still. */
	if (!attachment)
		return true;
	if (!privileged->ops->settings ||
		!privileged->ops->settings(privileged, attachment, body->settings.public_key, &settings))
		(void)privileged_refuse(attachment, "settings of the interface, tunnel", body->tunnel);
	return true;
}
