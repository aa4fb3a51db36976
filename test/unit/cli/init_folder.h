#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/capture.h"

/* A folder of a test's own under /tmp, and what is in it. To be included after cmocka. */

enum { FOLDER_TEXT_SIZE = 1 << 14, FOLDER_PATH_SIZE = 256, FOLDER_ARGUMENTS = 12 };

struct folder {
	char path[FOLDER_PATH_SIZE];
	char text[FOLDER_TEXT_SIZE]; /* of the file read last */
};

static inline void folder_init(struct folder *folder) {
	strcpy(folder->path, "/tmp/umbra-test-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
}

static inline int folder_remove_one(const char *path, const struct stat *status, int type,
									struct FTW *walk) {
	return remove(path);
}

static inline void folder_done(struct folder *folder) {
	assert_int_equal(nftw(folder->path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void folder_join(const struct folder *folder, const char *name,
							   char path[static 2 * FOLDER_PATH_SIZE]) {
	(void)snprintf(path, 2 * FOLDER_PATH_SIZE, "%s/%s", folder->path, name);
}

static inline bool folder_has(const struct folder *folder, const char *name) {
	char path[2 * FOLDER_PATH_SIZE];
	folder_join(folder, name, path);
	return access(path, F_OK) == 0;
}

static inline unsigned folder_mode(const struct folder *folder, const char *name) {
	char path[2 * FOLDER_PATH_SIZE];
	struct stat status;
	folder_join(folder, name, path);
	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 07777;
}

static inline const char *folder_read(struct folder *folder, const char *name) {
	char path[2 * FOLDER_PATH_SIZE];
	folder_join(folder, name, path);
	FILE *file = fopen(path, "re");
	if (!file)
		fail_msg("there is no %s", path);
	size_t size = fread(folder->text, 1, sizeof folder->text - 1, file);
	folder->text[size] = '\0';
	(void)fclose(file);
	return folder->text;
}

static inline void folder_write(const struct folder *folder, const char *name, const char *text,
								mode_t mode) {
	char path[2 * FOLDER_PATH_SIZE];
	folder_join(folder, name, path);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fputs(text, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* How many files and folders are in the folder, itself not. */
static inline int folder_count(const struct folder *folder) {
	char command[2 * FOLDER_PATH_SIZE];
	int count = -1;
	(void)snprintf(command, sizeof command, "find %s -mindepth 1 | wc -l", folder->path);
	FILE *pipe = popen(command, "re");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%d", &count), 1);
	assert_int_equal(pclose(pipe), 0);
	return count;
}

/* Runs a command whose arguments end with NULL; "%" stands for the folder's path. */
static inline int folder_run(const struct folder *folder,
							 int (*run)(const struct streams *streams, int count, char **arguments),
							 const char *input, struct capture *capture,
							 const char *const *arguments) {
	char texts[FOLDER_ARGUMENTS][2 * FOLDER_PATH_SIZE];
	char *pointers[FOLDER_ARGUMENTS + 1] = {NULL};
	int count = 0;
	for (; arguments[count]; count++) {
		assert_true(count < FOLDER_ARGUMENTS);
		const char *argument = arguments[count], *percent = strchr(argument, '%');
		int before = percent ? (int)(percent - argument) : (int)strlen(argument);
		(void)snprintf(texts[count], sizeof texts[0], "%.*s%s%s", before, argument,
					   percent ? folder->path : "", percent ? percent + 1 : "");
		pointers[count] = texts[count];
	}
	capture_init(capture, input);
	int status = run(&capture->streams, count, pointers);
	capture_done(capture);
	return status;
}

#define FOLDER_RUN(folder, run, input, capture, ...) \
	folder_run(folder, run, input, capture, (const char *const[]){__VA_ARGS__, NULL})
