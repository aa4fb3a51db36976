#include "daemon/interface.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/daemonize.h"
#include "daemon/hardening.h"
#include "daemon/options.h"
#include "daemon/privileged.h"
#include "wire/uapi.h"

static const char help[] =
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
	"      --no-sandbox      both processes keep every right, to look for faults\n"
	"  -h, --help            this text\n"
	"      --version         the version\n"
	"\n"
	"Environment: LOG_LEVEL=silent|error|warning|info|debug|verbose (error),\n"
	"WG_PROCESS_FOREGROUND=1 as -f, UMBRA_NO_SANDBOX=1 as --no-sandbox, UMBRA_SHARDS, UMBRA_AEAD\n"
	"and UMBRA_NO_OFFLOAD as the options.\n";

enum { LOG_NAME_SIZE = 48 };

struct interface_program {
	struct options options;
	char log_name[LOG_NAME_SIZE];
	struct daemonize daemonize;
	struct privileged privileged;
};

static unsigned count_shards(const struct options *options) {
	if (options->shards > 0)
		return options->shards;
	cpu_set_t processors;
	if (sched_getaffinity(0, sizeof processors, &processors))
		return 1;
	return options_automatic_shards((unsigned)CPU_COUNT(&processors));
}

/* The start is over. */
static void announce(struct interface_program *program) {
	struct privileged *privileged = &program->privileged;
	if (daemonize_ready(&program->daemonize)) {
		log_error("the start was interrupted");
		privileged->ending = true;
		privileged->status = EXIT_FAILURE;
		return;
	}
	log_init(program->options.log_level, program->log_name);
	if (!program->options.foreground) {
		log_to_syslog();
		hardening_detach_terminal();
		privileged->detached = true;
	}
	log_info("ready");
}

static void attached(void *context, int number, const char *text) {
	struct interface_program *program = context;
	if (number == 0) {
		announce(program);
		return;
	}
	log_error("%s", text);
	program->privileged.ending = true;
	program->privileged.status = EXIT_FAILURE;
}

static void net_ready(struct privileged *privileged, bool first) {
}

static void signalled(struct privileged *privileged, int number) {
	const struct interface_program *program = privileged->program;
	if (number == SIGHUP) {
		/* In the background nobody hangs up. */
		if (!program->options.foreground)
			return;
		log_info("the terminal hung up, ending");
	} else {
		log_info("signal %d, ending", number);
	}
	privileged->ending = true;
}

static void gone(struct privileged *privileged, struct attachment *attachment) {
	privileged->ending = true;
}

static const struct privileged_ops ops = {
	.net_ready = net_ready,
	.signalled = signalled,
	.gone = gone,
};

static enum err attach(struct interface_program *program) {
	const struct options *options = &program->options;
	const struct attachment_request request = {
		.name = options->name,
		.shards = count_shards(options),
		.no_header = options->no_offload & OPTIONS_TUN,
		.no_udp = options->no_offload & OPTIONS_TUN_UDP,
		.uapi = true,
	};
	struct attachment *attachment;
	char problem[ATTACHMENT_PROBLEM_SIZE];
	enum err error = attachment_new(&program->privileged, 0, &request, &attachment, problem);
	if (error) {
		log_error("%s", problem);
		return error;
	}
	error = privileged_attach(&program->privileged, attachment, attached, program);
	if (error)
		attachment_free(attachment);
	return error;
}

static enum err serve(struct interface_program *program) {
	const struct options *options = &program->options;
	struct sandbox sandbox;
	enum err error = sandbox_prepare(!options->no_sandbox, "umbra", &sandbox);
	if (error)
		return error;
	const struct privileged_options privileged_options = {
		.log_name = program->log_name,
		.interface = options->name,
		.aead = options->aead,
		.no_offload = options->no_offload,
		.log_level = options->log_level,
		.foreground = options->foreground,
		.sandbox = sandbox,
	};
	error = privileged_init(&program->privileged, &privileged_options, &ops, program);
	if (!error)
		error = attach(program);
	if (!error)
		error = sandbox_enter_privileged(&sandbox);
	if (!error)
		error = privileged_serve(&program->privileged);
	privileged_done(&program->privileged);
	return error;
}

static int run(struct interface_program *program) {
	const struct options *options = &program->options;
	hardening_clean_descriptors(3);
	program->daemonize.parent = -1;
	(void)snprintf(program->log_name, sizeof program->log_name, "umbra-wg: %s", options->name);
	/* A failure of the start is told at every level, what happens later by the level asked for. */
	log_init(options->log_level < LOG_ERROR ? LOG_ERROR : options->log_level, program->log_name);
	enum err error = ERR_OK;
	if (!options->foreground)
		error = daemonize_begin(&program->daemonize);
	hardening_apply();
	if (error)
		log_error("going to the background: %s", err_text(error));
	else
		error = serve(program);
	/* The name with the interface's is the caller's. */
	log_init(options->log_level, "umbra-wg");
	return error ? EXIT_FAILURE : program->privileged.status;
}

static int print(const char *text) {
	return fputs(text, stdout) < 0 || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int interface_run(int count, char *const *arguments) {
	const struct options_environment environment = {
		.foreground = getenv("WG_PROCESS_FOREGROUND"),
		.log_level = getenv("LOG_LEVEL"),
		.shards = getenv("UMBRA_SHARDS"),
		.aead = getenv("UMBRA_AEAD"),
		.no_offload = getenv("UMBRA_NO_OFFLOAD"),
		.no_sandbox = getenv("UMBRA_NO_SANDBOX"),
	};
	struct interface_program program = {.privileged = {.status = EXIT_SUCCESS}};
	char error[OPTIONS_ERROR_SIZE];
	if (options_parse(count, arguments, &environment, &program.options, error)) {
		(void)fprintf(stderr, "umbra-wg: %s\n", error);
		return EXIT_FAILURE;
	}
	switch (program.options.action) {
	case OPTIONS_HELP:
		return print(help);
	case OPTIONS_VERSION:
		return print("umbra-wg " UMBRA_VERSION "\n");
	case OPTIONS_RUN:
		break;
	}
	return run(&program);
}
