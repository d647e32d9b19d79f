# Real servers: Postfix (with smtp-sink), Dovecot and PostgreSQL, from Debian's packages. The tests start them themselves,
# in folders of their own; what the packages start by themselves is not used.

step_servers() {
  have postfix && have smtp-sink || install_postfix || left_out 'Postfix' "$why_not"
  have dovecot || install dovecot-core dovecot-pop3d || left_out 'Dovecot' "$why_not"
  have openssl || install openssl || left_out 'openssl' "$why_not"
  have_postgres || install postgresql || left_out 'PostgreSQL' "$why_not"
  if [[ -n $only ]]; then
    counted cargo test --workspace --all-features --locked --no-fail-fast \
      --test servers --test interop --test end_to_end
  fi
}

why_not='not installed, and installing it needs root and apt-get'

# Debian asks how Postfix is to be set up: not at all.
install_postfix() {
  if have debconf-set-selections && [[ $(id -u) == 0 ]]; then
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
  fi
  install postfix
}

have_postgres() {
  have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

# Whether a test that cannot have its server is to fail.
servers_ready() {
  [[ -z $quick && $(id -u) == 0 ]] && have postfix && have smtp-sink && have openssl && have_postgres &&
    have dovecot && [[ $(PATH="$PATH:/usr/sbin" dovecot --version) == 2.3.* ]]
}
