/* Set operations of a Mighty device: see set_desk.h. %A to %Z are identities, %a to %z their keys.
 */
#include "proto/mighty_device.h"
#include "proto/mighty_keys.h"
#include "set_desk.h"

enum { LETTERS = 26, TEXT_MAX = 1 << 17 };

static const char reset[] =
	"role=server\ninstance=0000000000000000\nlisten_port=0\nfwmark=0\n"
	"ciphers=aes-256-gcm,chacha20-poly1305\nrekey_seconds=600\nrekey_packets=16777216\n"
	"keepalive=10\nclient_to_client=false\nreplace_push=true\nreplace_peers=true\n";

/* No fuzzer finds the key of an identity. */
static size_t expand(const struct mighty_key *keys, const uint8_t *data, size_t size, char *text) {
	char *out = text;
	for (size_t i = 0; i < size && out - text < TEXT_MAX - 2 * HASH_SIZE - 1; i++) {
		uint8_t letter = data[i] == '%' && i + 1 < size ? data[i + 1] : 0;
		const char *word = letter >= 'a' && letter <= 'z'   ? keys[letter - 'a'].secret
						   : letter >= 'A' && letter <= 'Z' ? keys[letter - 'A'].id
															: NULL;
		if (word)
			out = stpcpy(out, word);
		else
			*out++ = (char)data[i];
		i += word != NULL;
	}
	return (size_t)(out - text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct desk *desk, *copy;
	static struct mighty_key keys[LETTERS];
	static char text[TEXT_MAX];
	if (!desk) {
		desk = desk_new_of(1, &mighty_device_ops);
		copy = desk_new_of(1, &mighty_device_ops);
		for (unsigned i = 0; i < LETTERS; i++)
			keys[i] = mighty_key_of(i);
	}
	size = expand(keys, data, size, text);
	if (size == 0)
		return 0;
	set_desk_reset(desk, reset);
	set_desk_run(desk, (const uint8_t *)text, size);
	set_desk_reset(copy, reset);
	set_desk_expect_restored(desk, copy);
	return 0;
}
