#include "host/dns_kept.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/resolv_conf.h"

enum { HEAD_MAX = 128 };

void dns_kept_done(struct dns_kept *kept) {
	free(kept->link);
	free(kept->text);
	*kept = (struct dns_kept){.kind = DNS_KEPT_NONE};
}

static char *copy(const char *data, size_t size) {
	char *text = malloc(size + 1);
	if (text) {
		memcpy(text, data, size);
		text[size] = '\0';
	}
	return text;
}

/* All of a plain file of at most maximum bytes, with a NUL behind it. */
static enum err read_all(int descriptor, size_t maximum, char **out_text, size_t *out_size) {
	auto_free char *text = malloc(maximum + 2);
	if (!text)
		return ERR_NO_MEMORY;
	size_t size = 0;
	while (size <= maximum) {
		ssize_t got = read(descriptor, text + size, maximum + 1 - size);
		if (got < 0 && errno != EINTR)
			return err_from_errno(errno);
		if (got == 0)
			break;
		size += got > 0 ? (size_t)got : 0;
	}
	if (size > maximum)
		return ERR_LIMIT;
	text[size] = '\0';
	*out_text = realloc(text, size + 1);
	if (!*out_text)
		return ERR_NO_MEMORY;
	text = NULL;
	*out_size = size;
	return ERR_OK;
}

static enum err read_content(const char *path, struct dns_kept *kept) {
	auto_close int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (descriptor < 0)
		return err_from_errno(errno);
	struct stat status;
	if (fstat(descriptor, &status))
		return err_from_errno(errno);
	if (!S_ISREG(status.st_mode))
		return ERR_WRONG_KIND;
	kept->mode = status.st_mode & 07777;
	kept->uid = status.st_uid;
	kept->gid = status.st_gid;
	return read_all(descriptor, RESOLV_CONF_SIZE_MAX, &kept->text, &kept->size);
}

static enum err read_link(const char *path, struct dns_kept *kept) {
	char link[PATH_MAX];
	ssize_t size = readlink(path, link, sizeof link - 1);
	if (size < 0)
		return err_from_errno(errno);
	kept->link = copy(link, (size_t)size);
	if (!kept->link)
		return ERR_NO_MEMORY;
	/* It may lead nowhere. */
	enum err error = read_content(path, kept);
	return error == ERR_NOT_FOUND ? ERR_OK : error;
}

enum err dns_kept_read(const char *path, struct dns_kept *out_kept) {
	struct dns_kept kept = {.kind = DNS_KEPT_NONE};
	struct stat status;
	enum err error;
	if (lstat(path, &status)) {
		error = errno == ENOENT ? ERR_OK : err_from_errno(errno);
	} else if (S_ISLNK(status.st_mode)) {
		kept.kind = DNS_KEPT_LINK;
		error = read_link(path, &kept);
	} else {
		kept.kind = DNS_KEPT_FILE;
		error = read_content(path, &kept);
	}
	if (error)
		dns_kept_done(&kept);
	else
		*out_kept = kept;
	return error;
}

/* The record */

enum err dns_kept_write(const char *path, mode_t mode, const char *data, size_t size) {
	char temporary[PATH_MAX];
	int length = snprintf(temporary, sizeof temporary, "%s.new", path);
	if (length < 0 || length >= (int)sizeof temporary)
		return ERR_INVALID;
	if (unlink(temporary) && errno != ENOENT)
		return err_from_errno(errno);
	auto_close int descriptor =
		open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (descriptor < 0)
		return err_from_errno(errno);
	enum err error = ERR_OK;
	for (size_t done = 0; done < size && !error;) {
		ssize_t written = write(descriptor, data + done, size - done);
		if (written < 0 && errno != EINTR)
			error = err_from_errno(errno);
		done += written > 0 ? (size_t)written : 0;
	}
	if (!error && (fsync(descriptor) || rename(temporary, path)))
		error = err_from_errno(errno);
	if (error)
		(void)unlink(temporary);
	return error;
}

static const char *const kinds[] = {"none", "file", "link"};

enum err dns_kept_save(const char *record, const struct dns_kept *kept) {
	char head[HEAD_MAX];
	size_t link_size = kept->link ? strlen(kept->link) : 0;
	size_t head_size = (size_t)snprintf(
		head, sizeof head, "umbra-kept-1 %s %o %u %u %zu %zu\n", kinds[kept->kind],
		(unsigned)kept->mode, (unsigned)kept->uid, (unsigned)kept->gid, link_size, kept->size);
	size_t size = head_size + link_size + kept->size;
	auto_free char *data = malloc(size + 1);
	if (!data)
		return ERR_NO_MEMORY;
	memcpy(data, head, head_size);
	if (link_size > 0)
		memcpy(data + head_size, kept->link, link_size);
	if (kept->size > 0)
		memcpy(data + head_size + link_size, kept->text, kept->size);
	return dns_kept_write(record, 0600, data, size);
}

struct head {
	char kind[8];
	unsigned mode, uid, gid;
	size_t link_size, size;
};

static enum err parse_head(const char *data, size_t size, struct head *out_head, size_t *out_size) {
	char line[HEAD_MAX];
	struct head head;
	int used = 0;
	const char *newline = memchr(data, '\n', size < sizeof line ? size : sizeof line);
	if (!newline || newline - data >= (ptrdiff_t)sizeof line)
		return ERR_MALFORMED;
	size_t length = (size_t)(newline - data);
	memcpy(line, data, length);
	line[length] = '\0';
	if (sscanf(line, "umbra-kept-1 %7s %5o %10u %10u %7zu %7zu%n", head.kind, &head.mode, &head.uid,
			   &head.gid, &head.link_size, &head.size, &used) != 6 ||
		used != (int)length || head.mode > 07777 || head.link_size >= PATH_MAX ||
		head.size > RESOLV_CONF_SIZE_MAX)
		return ERR_MALFORMED;
	*out_head = head;
	*out_size = length + 1;
	return ERR_OK;
}

enum err dns_kept_parse(const char *data, size_t size, struct dns_kept *out_kept) {
	struct head head;
	size_t head_size;
	enum err error = parse_head(data, size, &head, &head_size);
	if (error)
		return error;
	struct dns_kept kept = {.mode = head.mode, .uid = head.uid, .gid = head.gid};
	size_t kind = 0;
	while (kind < 3 && strcmp(kinds[kind], head.kind) != 0)
		kind++;
	if (kind == 3 || size - head_size != head.link_size + head.size)
		return ERR_MALFORMED;
	kept.kind = (enum dns_kept_kind)kind;
	const char *link = data + head_size, *text = link + head.link_size;
	bool is_link = kept.kind == DNS_KEPT_LINK;
	if (is_link != (head.link_size > 0) || memchr(link, '\0', head.link_size) ||
		(kept.kind == DNS_KEPT_NONE && head.size > 0))
		return ERR_MALFORMED;
	kept.size = head.size;
	kept.link = is_link ? copy(link, head.link_size) : NULL;
	kept.text = copy(text, head.size);
	if ((is_link && !kept.link) || !kept.text) {
		dns_kept_done(&kept);
		return ERR_NO_MEMORY;
	}
	*out_kept = kept;
	return ERR_OK;
}

enum err dns_kept_load(const char *record, struct dns_kept *out_kept) {
	auto_close int descriptor = open(record, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (descriptor < 0)
		return err_from_errno(errno);
	auto_free char *data = NULL;
	size_t size = 0;
	struct stat status;
	if (fstat(descriptor, &status))
		return err_from_errno(errno);
	if (!S_ISREG(status.st_mode))
		return ERR_MALFORMED;
	enum err error = read_all(descriptor, DNS_KEPT_RECORD_MAX, &data, &size);
	return error ? error : dns_kept_parse(data, size, out_kept);
}
