#include "conf/secret_streams.h"

#include "conf/fault.h"
#include "conf/secret_text.h"
#include "crypto/certificate.h"

enum { PASSWORD_MAX = 255 }; /* RFC 1929 section 2 */

struct reading {
	struct arena *memory;
	struct config_errors *errors;
};

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
		values->certificates = secret_text_read(reading->memory, &certificates, CONFIG_PEM_MAX,
												secret_text_certificates);
	if (key.node && key.path)
		values->key = secret_text_read(reading->memory, &key, CONFIG_PEM_MAX, secret_text_key);
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
		values->roots =
			secret_text_read(reading->memory, &roots, CONFIG_PEM_MAX, secret_text_certificates);
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
			user->password =
				secret_text_read(reading->memory, &password, PASSWORD_MAX, secret_text_password);
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
