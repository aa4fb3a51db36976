#include "cli/export.h"

#include <stddef.h>
#include <string.h>

#include "base/wipe.h"
#include "cli/init_files.h"
#include "conf/wg_quick.h"

enum { CONFIG, CONFIG_SHORT };

const struct command_option export_options[] = {
	[CONFIG] = {"--config", "FILE", "the configuration; " INIT_FILES_DIRECTORY "/umbra.yaml",
				false},
	[CONFIG_SHORT] = {"-c", "FILE", "the same", false},
	{0},
};

const char export_help[] =
	"Prints a tunnel of the configuration as a file of wg-quick, its keys inside. What\n"
	"wg-quick has no key for is told on standard error. Peers of 'umbra peer add' are not\n"
	"in the configuration, and so not in the file.\n"
	"\n"
	"  umask 077; umbra export um0 > um0.conf\n";

static const char name[] = "export";

static bool is_any(const struct address *address) {
	static const uint8_t zeros[ADDRESS_V6_SIZE];
	return memcmp(address->bytes, zeros, sizeof zeros) == 0;
}

/* What somebody who relies on it has to bring along in another way. */
static void tell_losses(const struct streams *streams, const struct config_tunnel *tunnel) {
	if (tunnel->masquerade)
		output_message(streams,
					   "%s: masquerade is not in the file: wg-quick has no key for it, and leaves "
					   "it to commands of PostUp",
					   name);
	else if (tunnel->forward)
		output_message(streams,
					   "%s: forward is not in the file: wg-quick has no key for it, and leaves it "
					   "to sysctl and the firewall",
					   name);
	if (!tunnel->routes.from_peers && tunnel->routes.include.count > 0)
		output_message(streams,
					   "%s: routes.include is not in the file: wg-quick makes routes of the peers' "
					   "AllowedIPs",
					   name);
	if (tunnel->routes.exclude.count > 0)
		output_message(streams,
					   "%s: routes.exclude is not in the file: wg-quick sends all of the peers' "
					   "AllowedIPs into the tunnel",
					   name);
	if (tunnel->dns.domains.count > 0)
		output_message(streams,
					   "%s: dns.domains is not in the file: there the servers are asked for all "
					   "names",
					   name);
	if (!is_any(&tunnel->listen.address)) {
		char listen[ENDPOINT_TEXT_SIZE];
		endpoint_format(&tunnel->listen, listen);
		output_message(streams,
					   "%s: of listen %s the port alone is in the file: wg-quick listens at every "
					   "address",
					   name, listen);
	}
	output_message(
		streams, "%s: the peers are those of the configuration, without those of 'umbra peer add'",
		name);
}

static int print(const struct streams *streams, const struct config_tunnel *tunnel) {
	if (strcmp(tunnel->protocol, config_default_protocol()) != 0) {
		output_message(streams, "%s: %s speaks a protocol that wg-quick does not know", name,
					   tunnel->name);
		return STATUS_FAILED;
	}
	/* Name servers of the clients section are for clients, not for this side. */
	struct config_tunnel own = *tunnel;
	WIPE_ON_EXIT(own);
	own.clients = (struct config_clients){0};
	char *text;
	size_t size;
	enum err error = wg_quick_format(&own, &text, &size);
	if (error) {
		output_message(streams, "%s: %s", name, err_text(error));
		return STATUS_FAILED;
	}
	output_warn_if_public(streams);
	int status = output_data(streams, text, size);
	wg_quick_text_free(text, size);
	if (status == STATUS_OK)
		tell_losses(streams, tunnel);
	return status;
}

int export_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, name, export_options, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	if (line.values[CONFIG] && line.values[CONFIG_SHORT]) {
		output_message(streams, "%s: -c and --config are the same; give one", name);
		return STATUS_USAGE;
	}
	const char *path = line.values[CONFIG] ? line.values[CONFIG] : line.values[CONFIG_SHORT];
	const struct config_source source = {
		.path = path ? path : INIT_FILES_DIRECTORY "/umbra.yaml",
		.flags = CONFIG_SECRETS,
	};
	struct config_errors errors;
	struct config *config;
	enum err error = config_load(&source, &config, &errors);
	for (size_t i = 0; i < errors.count; i++)
		output_message(streams, "%s: %s", name, errors.lines[i]);
	if (error && errors.count == 0)
		output_message(streams, "%s: %s: %s", name, source.path, err_text(error));
	config_errors_done(&errors);
	if (error)
		return STATUS_FAILED;
	const struct config_tunnel *tunnel = config_find(config, line.operands[0]);
	if (tunnel) {
		status = print(streams, tunnel);
	} else {
		output_message(streams, "%s: %s has no tunnel %s", name, source.path,
					   command_repeatable(line.operands[0]));
		status = STATUS_FAILED;
	}
	config_free(config);
	return status;
}
