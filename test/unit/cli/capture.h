#pragma once

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"

/* Streams in memory: what a command is given, and what it writes. To be included after cmocka. */

enum { CAPTURE_SIZE = 4096 };

struct capture {
	struct streams streams;
	char output[CAPTURE_SIZE], error[CAPTURE_SIZE]; /* after capture_done() */
};

static inline int capture_open(const void *data, size_t size) {
	int descriptor = memfd_create("capture", MFD_CLOEXEC);
	assert_true(descriptor >= 0);
	assert_int_equal(fchmod(descriptor, S_IRUSR | S_IWUSR), 0);
	assert_int_equal(write(descriptor, data, size), size);
	assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
	return descriptor;
}

static inline void capture_init(struct capture *capture, const char *input) {
	*capture = (struct capture){0};
	capture->streams.input = capture_open(input, strlen(input));
	capture->streams.output = capture_open("", 0);
	capture->streams.error = capture_open("", 0);
}

static inline void capture_take(int descriptor, char text[static CAPTURE_SIZE]) {
	ssize_t size = pread(descriptor, text, CAPTURE_SIZE - 1, 0);
	text[size > 0 ? size : 0] = '\0';
	(void)close(descriptor);
}

static inline void capture_done(struct capture *capture) {
	(void)close(capture->streams.input);
	capture_take(capture->streams.output, capture->output);
	capture_take(capture->streams.error, capture->error);
}
