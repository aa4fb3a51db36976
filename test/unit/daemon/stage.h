#pragma once

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/control.h"
#include "daemon/sandbox.h"
#include "daemon/shared_text.h"

/*
 * A real control process whose privileged and net processes, and whose tool, are the test: it sees
 * every message and gives every answer. Include after cmocka.h.
 */

enum { STAGE_TEXT_SIZE = 65536, STAGE_PATH_SIZE = 96 };
#define STAGE_TIMEOUT (10 * CLOCK_SECOND)

struct stage {
	char folder[STAGE_PATH_SIZE];
	char configuration[4096];
	pid_t process;
	int privileged, net, tool;  /* our ends; -1: none */
	char text[STAGE_TEXT_SIZE]; /* of the last message with a memfd, or HTTP answer */
};

static inline void stage_send(int channel, const struct process_message *message, int descriptor) {
	assert_int_equal(channel_send_until(channel, message, descriptor >= 0 ? &descriptor : NULL,
										descriptor >= 0, clock_now() + STAGE_TIMEOUT),
					 ERR_OK);
}

static inline void stage_send_text(int channel, struct process_message *message, const char *text) {
	int descriptor;
	assert_int_equal(shared_text_new(slice_of_text(text), &descriptor), ERR_OK);
	stage_send(channel, message, descriptor);
	(void)close(descriptor);
}

/* The next message, whose type must be the one expected; a text with it goes to stage->text. */
static inline struct process_message stage_expect(struct stage *stage, int channel,
												  enum process_type type) {
	struct channel_message message;
	enum err error = channel_wait(channel, POLLIN, clock_now() + STAGE_TIMEOUT);
	if (!error)
		error = channel_receive(channel, &message);
	if (error)
		fail_msg("no message of type %d: %s", (int)type, err_text(error));
	stage->text[0] = '\0';
	if (message.count > 0) {
		char *text;
		size_t size;
		assert_int_equal(shared_text_read(message.descriptors[0], &text, &size), ERR_OK);
		assert_true(size < sizeof stage->text);
		memcpy(stage->text, text, size + 1);
		free(text);
	}
	channel_message_done(&message);
	assert_int_equal(message.message.type, type);
	return message.message;
}

static inline bool stage_is_quiet(int channel, int milliseconds) {
	struct pollfd item = {.fd = channel, .events = POLLIN};
	return poll(&item, 1, milliseconds) == 0;
}

static inline void stage_result(int channel, const struct process_message *asked, int number,
								const char *text) {
	struct process_message message = {.type = PROCESS_RESULT, .request = asked->request};
	message.result.error = (uint32_t)number;
	(void)snprintf(message.result.text, sizeof message.result.text, "%s", text);
	stage_send(channel, &message, -1);
}

static inline void stage_figures(struct stage *stage, const char *text) {
	struct process_message asked = stage_expect(stage, stage->net, PROCESS_GET);
	struct process_message message = {.type = PROCESS_TEXT, .request = asked.request};
	stage_send_text(stage->net, &message, text);
}

static inline void stage_configure(struct stage *stage, const char *tunnels) {
	struct process_message message = {.type = PROCESS_CONFIGURE};
	(void)snprintf(stage->configuration, sizeof stage->configuration,
				   "node:\n  name: stage\n  state_dir: \"%s\"\n"
				   "control:\n  socket: /run/umbra/control.sock\n%s",
				   stage->folder, tunnels);
	stage_send_text(stage->privileged, &message, stage->configuration);
}

static inline void stage_state(struct stage *stage, const char *name, uint16_t slot,
							   enum process_state state) {
	struct process_message message = {.type = PROCESS_STATE, .tunnel = slot};
	(void)snprintf(message.state.name, sizeof message.state.name, "%s", name);
	message.state.state = (uint8_t)state;
	stage_send(stage->privileged, &message, -1);
}

/* Both ends of a new channel between control and net. */
static inline void stage_peer(struct stage *stage) {
	int ends[2];
	if (stage->net >= 0)
		(void)close(stage->net);
	assert_int_equal(channel_pair(ends), ERR_OK);
	const struct process_message message = {.type = PROCESS_PEERING};
	stage_send(stage->privileged, &message, ends[1]);
	(void)close(ends[1]);
	stage->net = ends[0];
}

static inline void stage_start_process(struct stage *stage) {
	int ends[2];
	assert_int_equal(channel_pair(ends), ERR_OK);
	stage->process = fork();
	assert_true(stage->process >= 0);
	if (stage->process == 0) {
		char program[] = "umbrad", process[] = CONTROL_ARGUMENT;
		char path[] = CONTROL_CONFIGURATION_ARGUMENT "/etc/umbra/umbra.yaml";
		char sandbox[] = SANDBOX_ARGUMENT "off";
		char store[sizeof CONTROL_STORE_ARGUMENT + STAGE_PATH_SIZE];
		(void)snprintf(store, sizeof store, CONTROL_STORE_ARGUMENT "%s", stage->folder);
		char *const arguments[] = {program, process, path, sandbox, store, NULL};
		if (dup2(ends[1], 3) < 0)
			_exit(99);
		_exit(control_main(5, arguments));
	}
	(void)close(ends[1]);
	stage->privileged = ends[0];
	struct process_message start = {.type = PROCESS_START};
	start.start.log_level = LOG_SILENT;
	stage_send(stage->privileged, &start, -1);
}

static inline void stage_open(struct stage *stage) {
	*stage = (struct stage){.privileged = -1, .net = -1, .tool = -1};
	(void)snprintf(stage->folder, sizeof stage->folder, "/tmp/umbra-stage-XXXXXX");
	assert_non_null(mkdtemp(stage->folder));
}

/* The process ends as told, by itself. */
static inline void stage_stop_process(struct stage *stage) {
	const struct process_message message = {.type = PROCESS_STOP};
	stage_send(stage->privileged, &message, -1);
	int status;
	assert_int_equal(waitpid(stage->process, &status, 0), stage->process);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	int *const ends[] = {&stage->privileged, &stage->net, &stage->tool};
	for (size_t i = 0; i < 3; i++) {
		if (*ends[i] >= 0)
			(void)close(*ends[i]);
		*ends[i] = -1;
	}
}

static inline void stage_close(struct stage *stage) {
	const char *const names[] = {"/umbra.db", "/umbra.db-wal", "/umbra.db-shm", ""};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[STAGE_PATH_SIZE + 16];
		(void)snprintf(path, sizeof path, "%s%s", stage->folder, names[i]);
		(void)remove(path);
	}
}

/* The tool: a connection of its own a question, as it is the server's part to keep them apart. */
static inline void stage_ask(struct stage *stage, const char *method, const char *path,
							 const char *body) {
	int ends[2];
	char request[2048];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	const struct process_message message = {.type = PROCESS_CONNECTION};
	stage_send(stage->privileged, &message, ends[1]);
	(void)close(ends[1]);
	int size = snprintf(request, sizeof request,
						"%s %s HTTP/1.1\r\nHost: umbra\r\nConnection: close\r\n"
						"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
						method, path, strlen(body), body);
	assert_int_equal(write(ends[0], request, (size_t)size), size);
	if (stage->tool >= 0)
		(void)close(stage->tool);
	stage->tool = ends[0];
}

/* Reads to the end, into stage->text; the status is returned. */
static inline int stage_answer(struct stage *stage) {
	size_t used = 0;
	uint64_t deadline = clock_now() + STAGE_TIMEOUT;
	for (;;) {
		assert_int_equal(channel_wait(stage->tool, POLLIN, deadline), ERR_OK);
		ssize_t got = read(stage->tool, stage->text + used, sizeof stage->text - used - 1);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	stage->text[used] = '\0';
	int status = 0;
	assert_int_equal(sscanf(stage->text, "HTTP/1.1 %d", &status), 1);
	return status;
}

/* Of an answer that goes on: until it has the part. */
static inline void stage_read_until(struct stage *stage, const char *part) {
	size_t used = 0;
	uint64_t deadline = clock_now() + STAGE_TIMEOUT;
	for (stage->text[0] = '\0'; !strstr(stage->text, part);) {
		if (channel_wait(stage->tool, POLLIN, deadline))
			fail_msg("no \"%s\" in:\n%s", part, stage->text);
		ssize_t got = read(stage->tool, stage->text + used, sizeof stage->text - used - 1);
		assert_true(got > 0);
		used += (size_t)got;
		stage->text[used] = '\0';
	}
}

static inline void stage_contains(const struct stage *stage, const char *part) {
	if (!strstr(stage->text, part))
		fail_msg("no \"%s\" in:\n%s", part, stage->text);
}

static inline void stage_lacks(const struct stage *stage, const char *part) {
	if (strstr(stage->text, part))
		fail_msg("\"%s\" in:\n%s", part, stage->text);
}
