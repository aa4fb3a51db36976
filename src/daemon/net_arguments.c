#include "daemon/net_arguments.h"

#include <string.h>

#include "daemon/net.h"

static const char *value_of(const char *argument, const char *name) {
	size_t size = strlen(name);
	return strncmp(argument, name, size) == 0 ? argument + size : NULL;
}

enum err net_arguments_parse(int count, char *const *arguments, struct net_arguments *out) {
	*out = (struct net_arguments){.log = NET_LOG_STDERR, .aead = options_find_aead("auto")};
	bool has_sandbox = false;
	for (int i = 2; i < count; i++) {
		const char *log = value_of(arguments[i], NET_LOG_ARGUMENT);
		const char *aead = value_of(arguments[i], "--aead=");
		const char *no_offload = value_of(arguments[i], "--no-offload=");
		const char *sandbox = value_of(arguments[i], SANDBOX_ARGUMENT);
		if (log)
			out->log = log;
		else if (aead && options_find_aead(aead))
			out->aead = options_find_aead(aead);
		else if (strcmp(arguments[i], NET_STREAMS_ARGUMENT) == 0)
			out->streams = true;
		else if (sandbox && !sandbox_parse(sandbox, &out->sandbox))
			has_sandbox = true;
		else if (no_offload ? options_parse_offloads(no_offload, &out->no_offload)
							: !value_of(arguments[i], NET_INTERFACE_ARGUMENT))
			return ERR_INVALID;
	}
	return has_sandbox ? ERR_OK : ERR_INVALID;
}
