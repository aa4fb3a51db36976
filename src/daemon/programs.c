#include "daemon/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/net.h"
#include "daemon/options.h"
#include "daemon/privileged.h"
#include "wire/uapi.h"

static const char interface_help[] =
	"Usage: umbra-wg [OPTION]... INTERFACE\n"
	"\n"
	"Creates the TUN interface INTERFACE and moves its packets, configured with wg(8) "
	"through\n" UAPI_SOCKET_DIRECTORY
	"/INTERFACE.sock. Goes to the background once everything works.\n"
	"\n"
	"  -f, --foreground      stay in the foreground, log to standard error\n"
	"      --shards=N        threads and TUN queues, 1 to 16 or auto (the default): half the\n"
	"                        processors, 1 to 8\n"
	"      --aead=NAME       auto (the default), ipsec-mb or openssl\n"
	"      --no-offload=LIST switch off, separated by commas:\n"
	"                        tun          the TUN's virtio header and all segmentation by it\n"
	"                        tun-udp      the TUN's segmentation of UDP\n"
	"                        udp-send     UDP_SEGMENT on the sockets\n"
	"                        udp-receive  UDP_GRO on the sockets\n"
	"  -h, --help            this text\n"
	"      --version         the version\n"
	"\n"
	"Environment: LOG_LEVEL=silent|error|warning|info|debug|verbose (error),\n"
	"WG_PROCESS_FOREGROUND=1 as -f, UMBRA_SHARDS, UMBRA_AEAD and UMBRA_NO_OFFLOAD as the "
	"options.\n";

static const char daemon_help[] = "Usage: umbrad --help | --version\n"
								  "       umbra-wg [OPTION]... INTERFACE\n"
								  "\n"
								  "Configuration files are not supported yet. Started as umbra-wg "
								  "(a link to this file) it serves\n"
								  "one interface, see umbra-wg --help.\n";

static int print(const char *text) {
	return fputs(text, stdout) < 0 || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int print_version(const char *program) {
	return printf("%s %s\n", program, UMBRA_VERSION) < 0 || fflush(stdout) ? EXIT_FAILURE
																		   : EXIT_SUCCESS;
}

static int run_interface(int count, char *const *arguments) {
	const struct options_environment environment = {
		.foreground = getenv("WG_PROCESS_FOREGROUND"),
		.log_level = getenv("LOG_LEVEL"),
		.shards = getenv("UMBRA_SHARDS"),
		.aead = getenv("UMBRA_AEAD"),
		.no_offload = getenv("UMBRA_NO_OFFLOAD"),
	};
	struct options options;
	char error[OPTIONS_ERROR_SIZE];
	if (options_parse(count, arguments, &environment, &options, error)) {
		(void)fprintf(stderr, "umbra-wg: %s\n", error);
		return EXIT_FAILURE;
	}
	switch (options.action) {
	case OPTIONS_HELP:
		return print(interface_help);
	case OPTIONS_VERSION:
		return print_version("umbra-wg");
	case OPTIONS_RUN:
		break;
	}
	return privileged_run(&options);
}

static int run_daemon(int count, char *const *arguments) {
	const char *argument = count > 1 ? arguments[1] : "";
	if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
		return print(daemon_help);
	if (strcmp(argument, "--version") == 0)
		return print_version("umbrad");
	(void)fputs("umbrad: configuration files are not supported yet; "
				"start it as umbra-wg INTERFACE, see umbrad --help\n",
				stderr);
	return EXIT_FAILURE;
}

int programs_run(int count, char *const *arguments, const struct net_device_ops *ops) {
	if (count > 1 && strcmp(arguments[1], NET_ARGUMENT) == 0)
		return net_main(count, arguments, ops);
	const char *path = count > 0 ? arguments[0] : "umbrad";
	const char *slash = strrchr(path, '/');
	const char *program = slash ? slash + 1 : path;
	return strcmp(program, "umbra-wg") == 0 ? run_interface(count, arguments)
											: run_daemon(count, arguments);
}
