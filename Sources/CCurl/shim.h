#ifndef VECFILL_CCURL_H
#define VECFILL_CCURL_H

#include <curl/curl.h>
#include <sys/socket.h>

// libcurl's setopt and getinfo are variadic, so that Swift can't call them and clang doesn't check their arguments.
// Each use is one function here, typed as the option's page says. libcurl 7.81 (Ubuntu 22.04) and later.

typedef size_t (*vecfill_curl_transfer)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode vecfill_curl_set_url(CURL *easy, const char *url) {
  return curl_easy_setopt(easy, CURLOPT_URL, url);
}

static inline CURLcode vecfill_curl_set_protocols_http(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
  return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static inline CURLcode vecfill_curl_set_http2_over_tls(CURL *easy) {
  return curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
}

static inline CURLcode vecfill_curl_set_post(CURL *easy, curl_off_t byte_count) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_POST, 1L);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, byte_count);
}

// HEAD: a reply's headers, and no body.
static inline CURLcode vecfill_curl_set_no_body(CURL *easy) { return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L); }

// Another method than the one that libcurl would choose. It copies the name.
static inline CURLcode vecfill_curl_set_method(CURL *easy, const char *name) {
  return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, name);
}

// Lets a transfer go on whose write function has paused it; that may be called at once.
static inline CURLcode vecfill_curl_go_on(CURL *easy) { return curl_easy_pause(easy, CURLPAUSE_CONT); }

static inline size_t vecfill_curl_pause(void) { return CURL_WRITEFUNC_PAUSE; }

static inline size_t vecfill_curl_abort_read(void) { return CURL_READFUNC_ABORT; }

static inline CURLcode vecfill_curl_set_headers(CURL *easy, struct curl_slist *headers) {
  return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
}

static inline CURLcode vecfill_curl_set_read(CURL *easy, vecfill_curl_transfer function, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_READFUNCTION, function);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_READDATA, context);
}

static inline CURLcode vecfill_curl_set_write(CURL *easy, vecfill_curl_transfer function, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, function);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}

static inline CURLcode vecfill_curl_set_header(CURL *easy, vecfill_curl_transfer function, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, function);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
}

static inline curl_socket_t vecfill_curl_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
  (void)context;
  (void)purpose;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// A process that is started meanwhile must not keep a connection open.
static inline CURLcode vecfill_curl_set_sockets_closed_on_exec(CURL *easy) {
  return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, vecfill_curl_open_socket);
}

static inline CURLcode vecfill_curl_set_receive_buffer(CURL *easy, long byte_count) {
  return curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, byte_count);
}

// Asks for a reply without compression; with it libcurl undoes, as far as it can, that of a server which compresses unasked.
static inline CURLcode vecfill_curl_set_accepted_encoding(CURL *easy, const char *names) {
  return curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, names);
}

static inline CURLcode vecfill_curl_set_connect_timeout(CURL *easy, long milliseconds) {
  return curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds);
}

static inline CURLcode vecfill_curl_set_timeout(CURL *easy, long milliseconds) {
  return curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds);
}

// Ends a transfer that moved less than a byte a second for so long; one that is paused is not looked at.
static inline CURLcode vecfill_curl_set_stall_timeout(CURL *easy, long seconds) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, seconds);
}

static inline CURLcode vecfill_curl_set_no_signal(CURL *easy) {
  return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
}

// Since 7.87: a handle that is closed while a name is being resolved does not wait for the resolver's thread.
static inline CURLcode vecfill_curl_set_quick_exit(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700
  return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#else
  (void)easy;
  return CURLE_OK;
#endif
}

static inline CURLcode vecfill_curl_set_proxy(CURL *easy, const char *proxy) {
  return curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
}

static inline CURLcode vecfill_curl_set_ca_file(CURL *easy, const char *path) {
  return curl_easy_setopt(easy, CURLOPT_CAINFO, path);
}

static inline CURLcode vecfill_curl_set_error_buffer(CURL *easy, char *buffer) {
  return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, buffer);
}

// Allowed while the transfer runs: libcurl looks at it when the transfer ends.
static inline CURLcode vecfill_curl_forbid_reuse(CURL *easy, long isForbidden) {
  return curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, isForbidden);
}

static inline CURLcode vecfill_curl_get_os_error(CURL *easy, long *number) {
  return curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, number);
}

static inline CURLcode vecfill_curl_get_new_connections(CURL *easy, long *count) {
  return curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, count);
}

static inline CURLcode vecfill_curl_get_local_port(CURL *easy, long *port) {
  return curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, port);
}

// In microseconds, until the request could be sent, through TLS and any proxy; 0 where it never could.
static inline CURLcode vecfill_curl_get_time_until_sending(CURL *easy, curl_off_t *time) {
  return curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, time);
}

static inline CURLcode vecfill_curl_get_status(CURL *easy, long *status) {
  return curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
}

// The version of the library that is loaded, e.g. "7.88.1".
static inline const char *vecfill_curl_library_version(void) { return curl_version_info(CURLVERSION_NOW)->version; }

#endif
