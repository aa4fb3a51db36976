#include "conf/secret_streams.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "conf/arena.h"
#include "conf/fault.h"
#include "conf/secret_file.h"
#include "crypto/certificate.h"

enum { PASSWORD_MAX = 255 }; /* RFC 1929 section 2 */

struct reading {
	struct arena *memory;
	struct config_errors *errors;
};

/* What is wrong with a text of *size bytes, whose end may be cut off; NULL when nothing is. */
typedef const char *text_judge(const char *text, size_t *size);

static const char *judge_certificates(const char *text, size_t *size) {
	return strstr(text, "-----BEGIN CERTIFICATE-----") ? NULL : "holds no certificate";
}

static const char *judge_key(const char *text, size_t *size) {
	if (strstr(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || strstr(text, "4,ENCRYPTED"))
		return "has a passphrase";
	return strstr(text, "-----BEGIN ") && strstr(text, "PRIVATE KEY-----") ? NULL
																		   : "holds no private key";
}

static const char *judge_password(const char *text, size_t *size) {
	if (*size > 0 && text[*size - 1] == '\n')
		(*size)--;
	if (*size > 0 && text[*size - 1] == '\r')
		(*size)--;
	if (*size == 0)
		return "is empty";
	if (memchr(text, '\n', *size))
		return "has more than one line";
	return *size > PASSWORD_MAX ? "is too long" : NULL;
}

/* NULL after a fault, or when memory ran out. */
static const char *read_text(const struct reading *reading, const struct secret_file *file,
							 size_t maximum, text_judge *judge) {
	enum { MORE = 4 }; /* a line end, one byte too many, a NUL */
	char *data = malloc(maximum + MORE);
	const char *copy = NULL;
	if (!data) {
		reading->memory->failed = true;
		return NULL;
	}
	ssize_t read = secret_file_read(file, data, maximum + MORE - 1);
	if (read >= 0) {
		size_t size = (size_t)read;
		data[size] = '\0';
		const char *problem = strlen(data) != size         ? "holds zeros"
							  : size == maximum + MORE - 1 ? "is too long"
														   : judge(data, &size);
		if (problem)
			fault_add(file->errors, file->node, file->key, "%s %s; %s", secret_file_shown(file),
					  problem, file->what);
		else
			copy = arena_text(reading->memory, data, size);
	}
	wipe(data, maximum + MORE);
	free(data);
	return copy;
}

/* What no client could connect to. */
static void check_pair(const struct secret_file *certificates, const char *pem,
					   const struct secret_file *key, const char *private_key) {
	struct certificate_facts facts;
	if (certificate_read(slice_of_text(pem), &facts)) {
		fault_add(certificates->errors, certificates->node, NULL,
				  "%s holds no certificate that can be read; %s", secret_file_shown(certificates),
				  certificates->what);
		return;
	}
	enum err error = certificate_check_key(slice_of_text(pem), slice_of_text(private_key));
	if (error)
		fault_add(key->errors, key->node, NULL, "%s %s; %s", secret_file_shown(key),
				  error == ERR_AUTHENTICATION ? "is the key of another certificate"
											  : "holds no private key that can be read",
				  key->what);
}

static void read_server(const struct reading *reading, struct config_tls *values,
						const struct tree_node *tls) {
	const struct secret_file certificates = {
		.node = tree_get(tls, "certificate_file"),
		.path = values->certificate_file,
		.errors = reading->errors,
		.what = "certificates in PEM, the server's first",
		.help = "certificates in PEM, the server's first",
		.is_public = true,
	};
	const struct secret_file key = {
		.node = tree_get(tls, "key_file"),
		.path = values->key_file,
		.errors = reading->errors,
		.what = "the certificate's private key in PEM, without a passphrase",
		.help = "the certificate's private key in PEM, without a passphrase",
	};
	if (certificates.node && certificates.path)
		values->certificates =
			read_text(reading, &certificates, CONFIG_PEM_MAX, judge_certificates);
	if (key.node && key.path)
		values->key = read_text(reading, &key, CONFIG_PEM_MAX, judge_key);
	if (values->certificates && values->key)
		check_pair(&certificates, values->certificates, &key, values->key);
}

static void read_roots(const struct reading *reading, struct config_tls *values,
					   const struct tree_node *node) {
	const struct tree_node *at = tree_get(tree_get(node, "tls"), "ca_file");
	const struct secret_file roots = {
		.node = at ? at : node,
		.key = at ? NULL : "tls.ca_file",
		.path = at ? values->ca_file : CONFIG_SYSTEM_ROOTS,
		.errors = reading->errors,
		.what = "certificates in PEM that the server's may lead to",
		.help = "certificates in PEM that the server's may lead to, or tls.pins",
		.is_public = true,
	};
	if (roots.path && values->pins.count == 0)
		values->roots = read_text(reading, &roots, CONFIG_PEM_MAX, judge_certificates);
}

static void read_users(const struct reading *reading, const struct config_proxy *proxy,
					   const struct tree_node *users) {
	const struct tree_node *item = users ? users->first : NULL;
	/* The items are in the configuration's own memory. */
	struct config_user *user = (struct config_user *)proxy->users;
	for (size_t i = 0; item && i < proxy->user_count; i++, item = item->next, user++) {
		const struct secret_file password = {
			.node = tree_get(item, "password_file"),
			.path = user->password_file,
			.errors = reading->errors,
			.what = "one line with the password, up to 255 bytes",
			.help = "one line with the password, up to 255 bytes",
		};
		if (password.node && password.path)
			user->password = read_text(reading, &password, PASSWORD_MAX, judge_password);
	}
}

void secret_streams_read(struct config *config, struct config_tunnel *tunnel,
						 const struct tree_node *node, struct config_errors *errors) {
	const struct reading reading = {.memory = config->memory, .errors = errors};
	if (!tunnel->carries_streams)
		return;
	if (tunnel->role == CONFIG_SERVER) {
		read_server(&reading, &tunnel->tls, tree_get(node, "tls"));
		return;
	}
	read_roots(&reading, &tunnel->tls, node);
	read_users(&reading, &tunnel->proxy, tree_get(tree_get(node, "proxy"), "users"));
}
