#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder for one test, which is the working directory meanwhile. To be included after cmocka. */

struct folder {
	char path[64];
	int before; /* the working directory */
};

static inline int folder_enter(void **state) {
	struct folder *folder = calloc(1, sizeof *folder);
	assert_non_null(folder);
	strcpy(folder->path, "/tmp/umbra-conf-XXXXXX");
	folder->before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder->before >= 0);
	assert_non_null(mkdtemp(folder->path));
	assert_int_equal(chdir(folder->path), 0);
	*state = folder;
	return 0;
}

static inline int folder_remove_entry(const char *path, const struct stat *status, int flag,
									  struct FTW *position) {
	return remove(path);
}

static inline int folder_leave(void **state) {
	struct folder *folder = *state;
	assert_int_equal(nftw(folder->path, folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(fchdir(folder->before), 0);
	(void)close(folder->before);
	free(folder);
	return 0;
}

static inline void folder_write(const char *name, unsigned mode, const char *text) {
	int descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(descriptor >= 0);
	assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(descriptor, mode), 0);
	(void)close(descriptor);
}
