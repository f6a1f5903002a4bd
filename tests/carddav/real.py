"""The three servers that Debian packages: Cyrus, DAViCal and SOGo, each with a database and settings of its own in one folder.

Nothing of the packages' own settings under /etc is changed. It takes root: each runs as the user that its package made.
"""

import glob
import imaplib
import os
import shutil
import signal

from processes import Trouble, free_port, run

USERNAME, PASSWORD = "alice", "correct horse"


def cyrus(processes, folder, port):
    programs = "/usr/lib/cyrus/bin"
    need("cyrus", "cyrus-imapd and cyrus-caldav", f"{programs}/httpd")
    state, imap_port = owned(folder, "state", "cyrus"), free_port()
    imapd, master, logins = (os.path.join(state, name) for name in ("imapd.conf", "cyrus.conf", "logins"))
    fresh = not os.path.exists(logins)
    write(imapd, f"""configdirectory: {state}/config
defaultpartition: default
partition-default: {state}/mail
httpmodules: carddav
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {logins}
admins: cyradm
unixhierarchysep: yes
servername: localhost
""")
    write(master, f"""START {{ recover cmd="ctl_cyrusdb -C {imapd} -r" }}
SERVICES {{
  imap cmd="imapd -C {imapd}" listen="127.0.0.1:{imap_port}" prefork=0
  http cmd="httpd -C {imapd}" listen="127.0.0.1:{port}" prefork=1
}}
EVENTS {{ }}
""")
    if fresh:
        for name in ("db", "socket", "log", "msg", "proc", "quota", "user"):
            os.makedirs(os.path.join(state, "config", name))
        os.makedirs(os.path.join(state, "mail"))
        for user in ("cyradm", USERNAME):
            run(["saslpasswd2", "-p", "-c", "-f", logins, "-u", "localhost", user], input=PASSWORD)
        give(state, "cyrus")
    processes.start("cyrus", [f"{programs}/master", "-C", imapd, "-M", master, "-p", f"{state}/pid"], user="cyrus")
    processes.wait_for("cyrus", lambda: has_mailbox(imap_port))
    return f"/dav/principals/user/{USERNAME}/", f"/dav/addressbooks/user/{USERNAME}/Default/", None


def has_mailbox(port):
    """Gives the user a mailbox, in which Cyrus makes the address book when it is first asked."""
    try:
        with imaplib.IMAP4("127.0.0.1", port, timeout=10) as imap:
            imap.login("cyradm", PASSWORD)
            imap.create(f"user/{USERNAME}")
            return imap.list("user/", USERNAME)[1] != [None]
    except imaplib.IMAP4.error as error:
        raise OSError(error) from error


def davical(processes, folder, port):
    scripts, modules = "/usr/share/davical/dba", "/usr/lib/apache2/modules"
    need("davical", "davical and libapache2-mod-php", f"{scripts}/create-database.sh", f"{modules}/libphp*.so")
    database = Database(processes, folder)
    if database.is_new:
        run([f"{scripts}/create-database.sh", "davical", PASSWORD], env=database.environment, cwd="/")
        database.run("davical", f"""
            INSERT INTO usr (username, password, fullname, active) VALUES ('{USERNAME}', '**{PASSWORD}', 'Alice', true);
            INSERT INTO principal (type_id, user_no, displayname)
                SELECT 1, user_no, fullname FROM usr WHERE username = '{USERNAME}'""")
    state, config = owned(folder, "apache", "www-data"), os.path.join(folder, "apache.conf")
    names = ("mpm_prefork", "alias", "dir", "mime", "env", "headers", "authz_core", "rewrite", "setenvif")
    loads = [f"LoadModule {name}_module {modules}/mod_{name}.so" for name in names]
    php = sorted(glob.glob(f"{modules}/libphp*.so"))[-1]
    write(config, "\n".join(loads) + f"""
LoadModule php_module {php}
ServerName localhost
Listen 127.0.0.1:{port}
DefaultRuntimeDir {state}
PidFile {state}/pid
ErrorLog {state}/error.log
TypesConfig /etc/mime.types
StartServers 2
<FilesMatch "\\.php$">
  SetHandler application/x-httpd-php
</FilesMatch>
SetEnvIf Authorization .+ HTTP_AUTHORIZATION=$0
Include /etc/apache2/sites-available/davical.conf
""")
    processes.start("apache", ["apache2", "-D", "FOREGROUND", "-f", config], user="www-data", env=database.environment)
    return f"/davical/caldav.php/{USERNAME}/", f"/davical/caldav.php/{USERNAME}/book/", None


def sogo(processes, folder, port):
    need("sogo", "sogo and memcached", "/usr/sbin/sogod", "/usr/bin/memcached")
    database = Database(processes, folder)
    if database.is_new:
        database.run("postgres", "CREATE ROLE sogo LOGIN")
        database.run("postgres", "CREATE DATABASE sogo OWNER sogo ENCODING 'UTF8' TEMPLATE template0")
        database.run("sogo", f"""
            CREATE TABLE sogo_view (c_uid text, c_name text, c_password text, c_cn text, mail text);
            INSERT INTO sogo_view VALUES ('{USERNAME}', '{USERNAME}', '{PASSWORD}', 'Alice', '{USERNAME}@carnet.example');
            GRANT ALL ON sogo_view TO sogo""")
    cache_port = free_port()
    processes.start("memcached", ["memcached", "-l", "127.0.0.1", "-p", str(cache_port)], user="sogo")
    tables = f"postgresql://sogo@127.0.0.1:{database.port}/sogo"
    settings = {
        "WOPort": f"127.0.0.1:{port}", "WOWorkersCount": "3", "WONoDetach": "YES", "WOLogFile": "-",
        "WOPidFile": os.path.join(owned(folder, "state", "sogo"), "pid"),
        "SOGoProfileURL": f"{tables}/sogo_user_profile", "OCSFolderInfoURL": f"{tables}/sogo_folder_info",
        "OCSSessionsFolderURL": f"{tables}/sogo_sessions_folder", "OCSEMailAlarmsFolderURL": f"{tables}/sogo_alarms_folder",
        "SOGoMemcachedHost": f"127.0.0.1:{cache_port}", "SOGoTimeZone": "UTC",
        "SOGoUserSources": f'({{type = sql; id = users; viewURL = "{tables}/sogo_view"; canAuthenticate = YES; '
                           'isAddressBook = NO; userPasswordAlgorithm = plain;})'}
    # The command line comes before /etc/sogo/sogo.conf.
    words = [word for key, value in settings.items() for word in (f"-{key}", value)]
    home = {**os.environ, "HOME": os.path.join(folder, "state")}
    # SIGTERM has it wait for its workers without end; they end when it is gone.
    processes.start("sogo", ["sogod", *words], user="sogo", end=signal.SIGKILL, env=home)
    return f"/SOGo/dav/{USERNAME}/", f"/SOGo/dav/{USERNAME}/Contacts/personal/", None


class Database:
    """A PostgreSQL cluster of its own, on a loopback port, that trusts everybody on this machine."""

    def __init__(self, processes, folder):
        need("PostgreSQL", "postgresql", "/usr/lib/postgresql/*/bin/initdb")
        programs = os.path.dirname(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[-1])
        data, self.port = owned(folder, "database", "postgres"), kept_port(os.path.join(folder, "database-port"))
        self.is_new = not os.path.exists(os.path.join(data, "PG_VERSION"))
        self.environment = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres"}
        if self.is_new:
            making = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D", data]
            run([f"{programs}/initdb", *making], user="postgres", cwd="/")
        # SIGINT ends it at once, SIGTERM would wait for its clients.
        processes.start("postgres", [f"{programs}/postgres", "-D", data, "-p", str(self.port), "-c", "fsync=off",
                                     "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
                        user="postgres", end=signal.SIGINT, cwd="/")
        processes.wait_for("PostgreSQL", self.answers)

    def answers(self):
        try:
            return bool(self.run("postgres", "SELECT 1"))
        except Trouble:
            return False

    def run(self, database, statements):
        return run(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statements], env=self.environment, cwd="/")


def kept_port(path):
    """A free port, the same whenever a server is started on that folder: SOGo writes it into its tables."""
    if not os.path.exists(path):
        write(path, str(free_port()))
    with open(path) as file:
        return int(file.read())


def need(name, packages, *patterns):
    if os.geteuid() != 0:
        raise Trouble(f"{name} is started by root alone")
    if not all(glob.glob(pattern) for pattern in patterns):
        raise Trouble(f"the Debian packages {packages} are not installed")


def owned(folder, name, user):
    """A folder of that user's, made if it is not there."""
    path = os.path.join(folder, name)
    os.makedirs(path, exist_ok=True)
    shutil.chown(path, user)
    os.chmod(path, 0o700)
    return path


def give(folder, user):
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            shutil.chown(os.path.join(path, name), user)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
