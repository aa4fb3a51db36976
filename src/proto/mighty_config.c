#include "proto/mighty_config.h"

#include <string.h>

enum err mighty_config_tell(const struct mighty_config *config, const struct prefix *addresses,
							size_t address_count, struct parameters *out_parameters) {
	uint8_t encoded[MIGHTY_PARAMETERS_SIZE_MAX];
	size_t size;
	if (address_count > INTERFACE_SETTINGS_ADDRESSES_MAX)
		return ERR_LIMIT;
	struct parameters parameters = config->tells;
	parameters.interface.address_count = address_count;
	if (address_count > 0)
		memcpy(parameters.interface.addresses, addresses, address_count * sizeof *addresses);
	parameters.keepalive = config->keepalive;
	parameters.rekey_seconds = config->rekey_seconds;
	parameters.rekey_packets = config->rekey_packets;
	enum err error = parameters_encode(&parameters, encoded, sizeof encoded, &size);
	if (!error)
		*out_parameters = parameters;
	return error;
}
