#include "conf/secret_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "conf/arena.h"
#include "conf/fault.h"

const char *secret_text_certificates(const char *text, size_t *size) {
	return strstr(text, "-----BEGIN CERTIFICATE-----") ? NULL : "holds no certificate";
}

const char *secret_text_list(const char *text, size_t *size) {
	return strstr(text, "-----BEGIN X509 CRL-----") ? NULL : "holds no list";
}

const char *secret_text_key(const char *text, size_t *size) {
	if (strstr(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || strstr(text, "4,ENCRYPTED"))
		return "has a passphrase";
	return strstr(text, "-----BEGIN ") && strstr(text, "PRIVATE KEY-----") ? NULL
																		   : "holds no private key";
}

const char *secret_text_password(const char *text, size_t *size) {
	if (*size > 0 && text[*size - 1] == '\n')
		(*size)--;
	if (*size > 0 && text[*size - 1] == '\r')
		(*size)--;
	if (*size == 0)
		return "is empty";
	return memchr(text, '\n', *size) ? "has more than one line" : NULL;
}

const char *secret_text_read(struct arena *memory, const struct secret_file *file, size_t maximum,
							 secret_text_judge *judge) {
	enum { MORE = 4 }; /* a line end, one byte too many, a NUL */
	char *data = malloc(maximum + MORE);
	const char *copy = NULL;
	if (!data) {
		memory->failed = true;
		return NULL;
	}
	ssize_t read = secret_file_read(file, data, maximum + MORE - 1);
	if (read >= 0) {
		size_t size = (size_t)read;
		data[size] = '\0';
		const char *problem = strlen(data) != size         ? "holds zeros"
							  : size == maximum + MORE - 1 ? "is too long"
														   : judge(data, &size);
		if (!problem && size > maximum)
			problem = "is too long";
		if (problem)
			fault_add(file->errors, file->node, file->key, "%s %s; %s", secret_file_shown(file),
					  problem, file->what);
		else
			copy = arena_text(memory, data, size);
	}
	wipe(data, maximum + MORE);
	free(data);
	return copy;
}
