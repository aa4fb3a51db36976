#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "cli/ca.h"

enum {
	LIST_SIZE_MAX = AUTHORITY_REVOKED_MAX * 64,
	ISSUED_MAX = 1 << 20,
};

/* The whole of a file of at most so many bytes, with a NUL; NULL with errno. */
static char *read_text(const char *path, size_t most, size_t *out_room) {
	auto_close int file = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	if (file < 0 || fstat(file, &status))
		return NULL;
	if (!S_ISREG(status.st_mode) || (size_t)status.st_size >= most) {
		errno = EINVAL;
		return NULL;
	}
	size_t room = (size_t)status.st_size + 1, size = 0;
	char *text = malloc(room);
	while (text && size + 1 < room) {
		ssize_t more = read(file, text + size, room - 1 - size);
		if (more <= 0)
			break;
		size += (size_t)more;
	}
	if (text)
		text[size] = '\0';
	*out_room = room;
	return text;
}

static char *read_from(const struct streams *streams, const char *command, const char *directory,
					   const char *name, size_t most, size_t *out_room) {
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
		errno = ENAMETOOLONG;
	else {
		char *text = read_text(path, most, out_room);
		if (text)
			return text;
	}
	output_message(streams, "%s: cannot read %s/%s: %s%s", command, directory, name,
				   strerror(errno), errno == ENOENT ? "; 'umbra ca init' makes an authority" : "");
	return NULL;
}

int ca_folder_open(const struct streams *streams, const char *command, const char *directory,
				   struct ca_folder *out_folder) {
	struct ca_folder folder = {.directory = directory ? directory : CA_DIRECTORY};
	size_t room;
	auto_free char *certificate = read_from(streams, command, folder.directory, CA_CERTIFICATE,
											CERTIFICATE_PEM_SIZE_MAX, &room);
	if (!certificate)
		return STATUS_FAILED;
	folder.list = read_from(streams, command, folder.directory, CA_LIST, LIST_SIZE_MAX, &room);
	char *key = folder.list ? read_from(streams, command, folder.directory, CA_KEY,
										CERTIFICATE_PEM_SIZE_MAX, &room)
							: NULL;
	if (!key) {
		free(folder.list);
		return STATUS_FAILED;
	}
	enum err error =
		authority_load(slice_of_text(certificate), slice_of_text(key), &folder.authority);
	wipe(key, room);
	free(key);
	struct certificate_facts facts;
	if (!error)
		error = certificate_read(slice_of_text(certificate), &facts);
	if (error) {
		output_message(streams, "%s: %s/" CA_CERTIFICATE " and " CA_KEY " are no authority: %s",
					   command, folder.directory,
					   error == ERR_AUTHENTICATION ? "the key is another's" : err_text(error));
		authority_free(folder.authority);
		free(folder.list);
		return STATUS_FAILED;
	}
	folder.valid_until = facts.valid_until;
	*out_folder = folder;
	return STATUS_OK;
}

void ca_folder_close(struct ca_folder *folder) {
	authority_free(folder->authority);
	free(folder->list);
}

void ca_issued_free(struct ca_issued *items, size_t count) {
	for (size_t i = 0; i < count; i++)
		free(items[i].certificate);
	free(items);
}

static int by_age(const void *left, const void *right) {
	const struct authority_entry *a = &((const struct ca_issued *)left)->entry;
	const struct authority_entry *b = &((const struct ca_issued *)right)->entry;
	if (a->valid_from != b->valid_from)
		return a->valid_from < b->valid_from ? -1 : 1;
	return strcmp(a->serial, b->serial);
}

static bool is_certificate(const char *name) {
	size_t size = strlen(name);
	return size > 4 && name[0] != '.' && strcmp(name + size - 4, ".pem") == 0;
}

/*
 * What cannot be read is told of: a list that passes over something would be no list. Certificates
 * of another authority, such as the folder's of before, are *out_foreign.
 */
static int read_issued(const struct streams *streams, const char *command,
					   const struct ca_folder *folder, const char *name, struct ca_issued *out_item,
					   bool *out_foreign) {
	char place[NAME_MAX + sizeof CA_ISSUED + 1];
	(void)snprintf(place, sizeof place, CA_ISSUED "/%s", name);
	size_t room;
	struct ca_issued item = {
		.certificate =
			read_from(streams, command, folder->directory, place, CERTIFICATE_PEM_SIZE_MAX, &room),
	};
	if (!item.certificate)
		return STATUS_FAILED;
	const struct slice text = slice_of_text(item.certificate);
	enum err error = authority_describe(text, &item.entry);
	if (!error)
		error = authority_is_revoked(folder->authority, slice_of_text(folder->list), text,
									 &item.revoked);
	*out_foreign = error == ERR_NOT_FOUND;
	if (!error) {
		*out_item = item;
		return STATUS_OK;
	}
	free(item.certificate);
	if (*out_foreign)
		return STATUS_OK;
	if (error == ERR_AUTHENTICATION)
		output_message(streams, "%s: %s/" CA_LIST " is of another authority", command,
					   folder->directory);
	else
		output_message(streams, "%s: %s/%s is no certificate of an authority", command,
					   folder->directory, place);
	return STATUS_FAILED;
}

static void directory_done(DIR **directory) {
	if (*directory)
		(void)closedir(*directory);
}

int ca_folder_issued(const struct streams *streams, const char *command,
					 const struct ca_folder *folder, struct ca_issued **out_items,
					 size_t *out_count) {
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/" CA_ISSUED, folder->directory) >= (int)sizeof path)
		return STATUS_FAILED;
	__attribute__((cleanup(directory_done))) DIR *directory = opendir(path);
	if (!directory && errno != ENOENT) {
		output_message(streams, "%s: cannot read %s: %s", command, path, strerror(errno));
		return STATUS_FAILED;
	}
	struct ca_issued *items = NULL;
	size_t count = 0, foreign_count = 0;
	int status = STATUS_OK;
	const struct dirent *entry;
	while (status == STATUS_OK && directory && (entry = readdir(directory))) {
		if (!is_certificate(entry->d_name))
			continue;
		struct ca_issued *larger =
			count < ISSUED_MAX ? realloc(items, (count + 1) * sizeof *items) : NULL;
		if (larger) {
			items = larger;
			bool foreign = false;
			status = read_issued(streams, command, folder, entry->d_name, &items[count], &foreign);
			count += status == STATUS_OK && !foreign;
			foreign_count += foreign;
		} else {
			output_message(streams, "%s: out of memory", command);
			status = STATUS_FAILED;
		}
	}
	if (status != STATUS_OK) {
		ca_issued_free(items, count);
		return status;
	}
	if (foreign_count > 0)
		output_message(streams, "%s: %s: passed over, as another authority's: %zu", command, path,
					   foreign_count);
	if (count > 0)
		qsort(items, count, sizeof *items, by_age);
	*out_items = items;
	*out_count = count;
	return STATUS_OK;
}
