#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/dns.h"

/* A folder with "etc" and "state" that is removed afterwards. After cmocka. */

struct dns_folder {
	char path[64], file[96], state[96], record[128];
};

static inline void dns_folder_make(struct dns_folder *folder) {
	strcpy(folder->path, "/tmp/umbra-dns-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	(void)snprintf(folder->file, sizeof folder->file, "%s/etc", folder->path);
	assert_int_equal(mkdir(folder->file, 0755), 0);
	(void)snprintf(folder->file, sizeof folder->file, "%s/etc/resolv.conf", folder->path);
	(void)snprintf(folder->state, sizeof folder->state, "%s/state", folder->path);
	assert_int_equal(mkdir(folder->state, 0700), 0);
	(void)snprintf(folder->record, sizeof folder->record, "%s/resolv.conf.before", folder->state);
}

static inline int dns_folder_remove_one(const char *path, const struct stat *status, int flag,
										struct FTW *place) {
	(void)chmod(path, 0700);
	return remove(path);
}

static inline void dns_folder_remove(struct dns_folder *folder) {
	(void)nftw(folder->path, dns_folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void dns_write(const char *path, const char *data, size_t size, mode_t mode) {
	int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(descriptor >= 0);
	assert_int_equal(write(descriptor, data, size), (ssize_t)size);
	assert_int_equal(fchmod(descriptor, mode), 0);
	assert_int_equal(close(descriptor), 0);
}

static inline void dns_check_content(const char *path, const char *data, size_t size) {
	char *found = malloc(size + 4096);
	assert_non_null(found);
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(descriptor >= 0);
	ssize_t got = read(descriptor, found, size + 4096);
	assert_int_equal(got, (ssize_t)size);
	assert_memory_equal(found, data, size);
	assert_int_equal(close(descriptor), 0);
	free(found);
}

static inline void dns_check_has(const char *path, const char *part) {
	char found[4096];
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(descriptor >= 0);
	ssize_t got = read(descriptor, found, sizeof found - 1);
	assert_true(got >= 0);
	found[got] = '\0';
	assert_int_equal(close(descriptor), 0);
	if (!strstr(found, part))
		fail_msg("no \"%s\" in: %s", part, found);
}
