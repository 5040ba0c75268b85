# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_weir_global_optspecs
    string join \n h/help V/version
end

function __fish_weir_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_weir_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_weir_using_subcommand
    set -l cmd (__fish_weir_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c weir -n "__fish_weir_needs_command" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_needs_command" -s V -l version -d 'Print version'
complete -c weir -n "__fish_weir_needs_command" -f -a "run" -d 'Run in the foreground; SIGHUP reloads, SIGTERM and SIGQUIT stop, SIGUSR1 reopens log files'
complete -c weir -n "__fish_weir_needs_command" -f -a "init" -d 'Write a configuration for a WSO2 cluster: asks for its hosts and nodes, looks at them, makes certificates'
complete -c weir -n "__fish_weir_needs_command" -f -a "import" -d 'Take the configuration of another proxy over'
complete -c weir -n "__fish_weir_needs_command" -f -a "check" -d 'Check a configuration and everything it names, without running it'
complete -c weir -n "__fish_weir_needs_command" -f -a "wso2" -d 'Check the nodes of a WSO2 cluster by their own configuration files'
complete -c weir -n "__fish_weir_needs_command" -f -a "schema" -d 'Print the JSON Schema of the configuration, by which editors complete and check it'
complete -c weir -n "__fish_weir_needs_command" -f -a "demo" -d 'Show a whole cluster on this machine: two workers, a manager, and Weir in front'
complete -c weir -n "__fish_weir_needs_command" -f -a "cert" -d 'Make, inspect and pin certificates'
complete -c weir -n "__fish_weir_needs_command" -f -a "status" -d 'Show what a running Weir is doing'
complete -c weir -n "__fish_weir_needs_command" -f -a "ready" -d 'Tell whether a running Weir can serve, by the exit code: for keepalived and scripts'
complete -c weir -n "__fish_weir_needs_command" -f -a "ha" -d 'Write what another program needs so that two machines serve as one'
complete -c weir -n "__fish_weir_needs_command" -f -a "nodes" -d 'Show the nodes of every pool, active or passive and why'
complete -c weir -n "__fish_weir_needs_command" -f -a "sessions" -d 'Show the learned sessions of every pool'
complete -c weir -n "__fish_weir_needs_command" -f -a "drain" -d 'Take a node out gently: its sessions stay until they end, nothing new goes there'
complete -c weir -n "__fish_weir_needs_command" -f -a "maintain" -d 'Take a node out at once: its sessions move, running requests are answered; until it is activated'
complete -c weir -n "__fish_weir_needs_command" -f -a "activate" -d 'Let a node serve again that was drained or in maintenance'
complete -c weir -n "__fish_weir_needs_command" -f -a "why" -d 'Ask what a running Weir would do with a request, and why, without sending anything'
complete -c weir -n "__fish_weir_needs_command" -f -a "reload" -d 'Make a running Weir read its configuration again, and tell what came of it'
complete -c weir -n "__fish_weir_needs_command" -f -a "upgrade" -d 'Hand over to the version that is installed now, without a gap: every socket, the sessions, the counters'
complete -c weir -n "__fish_weir_needs_command" -f -a "diff" -d 'Compare the files on the disk with what runs, and tell what a reload would change'
complete -c weir -n "__fish_weir_needs_command" -f -a "config" -d 'Print the configuration that runs: each value and where it comes from'
complete -c weir -n "__fish_weir_needs_command" -f -a "events" -d 'Show what happened: state changes, reloads, what operators did'
complete -c weir -n "__fish_weir_needs_command" -f -a "sites" -d 'Show the sites: how much comes, how it ends, and how long the certificates last'
complete -c weir -n "__fish_weir_needs_command" -f -a "top" -d 'Watch the nodes live, those in trouble first'
complete -c weir -n "__fish_weir_needs_command" -f -a "bundle" -d 'Write an archive for support: what runs and what happened, without secrets'
complete -c weir -n "__fish_weir_needs_command" -f -a "weight" -d 'Give a node of a pool another weight than the file\'s, over reloads and restarts, until it is reset'
complete -c weir -n "__fish_weir_needs_command" -f -a "log-level" -d 'Tell how much the journal says, or change it until the next start'
complete -c weir -n "__fish_weir_needs_command" -f -a "completions" -d 'Print the script by which a shell completes these commands'
complete -c weir -n "__fish_weir_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c weir -n "__fish_weir_using_subcommand run" -s c -l config -d 'The configuration file' -r -F
complete -c weir -n "__fish_weir_using_subcommand run" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand init" -l esb-host -d 'The host of the services' -r
complete -c weir -n "__fish_weir_using_subcommand init" -l mgt-host -d 'The host of the management console' -r
complete -c weir -n "__fish_weir_using_subcommand init" -l worker -d 'A worker; may be repeated. OFFSET is the Offset of its carbon.xml' -r
complete -c weir -n "__fish_weir_using_subcommand init" -l manager -d 'The manager' -r
complete -c weir -n "__fish_weir_using_subcommand init" -l esb-chain -d 'The certificate of the services\' host [default: a new one, self-signed]' -r -F
complete -c weir -n "__fish_weir_using_subcommand init" -l esb-key -d 'Its private key' -r -F
complete -c weir -n "__fish_weir_using_subcommand init" -l mgt-chain -d 'The certificate of the console\'s host [default: a new one, self-signed]' -r -F
complete -c weir -n "__fish_weir_using_subcommand init" -l mgt-key -d 'Its private key' -r -F
complete -c weir -n "__fish_weir_using_subcommand init" -l http -d 'Where Weir listens for HTTP' -r
complete -c weir -n "__fish_weir_using_subcommand init" -l https -d 'Where Weir listens for HTTPS' -r
complete -c weir -n "__fish_weir_using_subcommand init" -l admin -d 'The admin address' -r
complete -c weir -n "__fish_weir_using_subcommand init" -l socket -d 'The admin socket, or off [default: /run/weir/admin.sock; with --config admin.sock in the state directory]' -r
complete -c weir -n "__fish_weir_using_subcommand init" -l state-dir -d 'The directory for what outlives a restart' -r -F
complete -c weir -n "__fish_weir_using_subcommand init" -s c -l config -d 'The file to write; certificates are made in the directory certs beside it' -r -F
complete -c weir -n "__fish_weir_using_subcommand init" -l yes -d 'Ask nothing: what has no flag gets its default'
complete -c weir -n "__fish_weir_using_subcommand init" -l no-look -d 'Do not look at the nodes; then their certificates are not pinned'
complete -c weir -n "__fish_weir_using_subcommand init" -l force -d 'Replace a configuration that is there already'
complete -c weir -n "__fish_weir_using_subcommand init" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand import; and not __fish_seen_subcommand_from nginx help" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand import; and not __fish_seen_subcommand_from nginx help" -f -a "nginx" -d 'Read nginx.conf with its includes, write weir.toml, and say what becomes of each directive'
complete -c weir -n "__fish_weir_using_subcommand import; and not __fish_seen_subcommand_from nginx help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from nginx" -l out -d 'The directory in which weir.toml is written; it is made if it is not there' -r -F
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from nginx" -l compare -d 'Ask the nginx at this URL, and Weir on what was imported, the same requests, and show what differs' -r
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from nginx" -l compare-tls -d 'Where that nginx takes TLS, if it is not at the same address and the port of its file' -r
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from nginx" -l requests -d 'Take the requests from this file: lines METHOD URL, indented lines below are fields, or > and a line of the body' -r -F
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from nginx" -l per-second -d 'So many requests a second, each to both; default: 20, or as fast as it goes with --stubs' -r
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from nginx" -l partial -d 'Write what can be written, with the rest as comments in its place'
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from nginx" -l force -d 'Replace a weir.toml that is there already'
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from nginx" -l json -d 'Print the report as JSON'
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from nginx" -l stubs -d 'Listen on the nodes\' own addresses, and compare what a node gets to see too; they must be this machine\'s'
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from nginx" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "nginx" -d 'Read nginx.conf with its includes, write weir.toml, and say what becomes of each directive'
complete -c weir -n "__fish_weir_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c weir -n "__fish_weir_using_subcommand check" -s c -l config -d 'The configuration file' -r -F
complete -c weir -n "__fish_weir_using_subcommand check" -l explain -d 'Print each value and where it comes from, a line of a file or the default; values of header fields are left out'
complete -c weir -n "__fish_weir_using_subcommand check" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand check" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand wso2; and not __fish_seen_subcommand_from check write test help" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand wso2; and not __fish_seen_subcommand_from check write test help" -f -a "check" -d 'Check the configuration files of the nodes: each by itself, against each other, and against weir.toml'
complete -c weir -n "__fish_weir_using_subcommand wso2; and not __fish_seen_subcommand_from check write test help" -f -a "write" -d 'Make the edits in the nodes\' files that the check asks for, from weir.toml; what they replace is kept beside them'
complete -c weir -n "__fish_weir_using_subcommand wso2; and not __fish_seen_subcommand_from check write test help" -f -a "test" -d 'Test the running cluster through the balancer: console, services, sessions, nodes, certificates, failover'
complete -c weir -n "__fish_weir_using_subcommand wso2; and not __fish_seen_subcommand_from check write test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from check" -l node -d 'A node of weir.toml, and the directory of its files: its conf directory, the home of its product, or a copy of either; `check` also reads tar archives' -r
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from check" -s c -l config -d 'The configuration file' -r -F
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from check" -l resolve -d 'Ask this machine for the addresses of the names that the nodes\' files have'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from check" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from write" -l node -d 'A node of weir.toml, and the directory of its files: its conf directory, the home of its product, or a copy of either; `check` also reads tar archives' -r
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from write" -s c -l config -d 'The configuration file' -r -F
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from write" -l from -d 'A node whose conf directory is copied to each directory of --node that is not there yet, or empty' -r
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from write" -l hazelcast-rest -d 'Write hazelcast.rest.enabled to hazelcast.properties of the nodes' -r
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from write" -l hosts -d 'Write lines for /etc/hosts of the nodes to this new file; - prints them' -r -F
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from write" -l dry-run -d 'Show what would change, and write nothing'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from write" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l through -d 'Where the balancer is asked, in place of what the host names resolve to: for all listeners, the one with this port, or the named one' -r
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l service -d 'A service that every worker has, such as /services/echo; default: `services` of [cluster]' -r
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l soap -d 'A SOAP request in a file, posted to this service on each worker and through each site; for services to which that does no harm' -r
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l per-second -d 'So many requests a second' -r
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l failover -d 'Also drain one active node, see another take over, and give it back; asks first'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l yes -d 'Do not ask before a failover'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check the configuration files of the nodes: each by itself, against each other, and against weir.toml'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from help" -f -a "write" -d 'Make the edits in the nodes\' files that the check asks for, from weir.toml; what they replace is kept beside them'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from help" -f -a "test" -d 'Test the running cluster through the balancer: console, services, sessions, nodes, certificates, failover'
complete -c weir -n "__fish_weir_using_subcommand wso2; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c weir -n "__fish_weir_using_subcommand schema" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand demo" -l http-port -d 'Port for HTTP; if it is busy, the next free one is taken' -r
complete -c weir -n "__fish_weir_using_subcommand demo" -l https-port -d 'Port for HTTPS; if it is busy, the next free one is taken' -r
complete -c weir -n "__fish_weir_using_subcommand demo" -l admin-port -d 'Port for metrics, status and API; if it is busy, the next free one is taken' -r
complete -c weir -n "__fish_weir_using_subcommand demo" -l dir -d 'Where configuration, certificates and logs go; default: a temporary directory, removed at the end' -r -F
complete -c weir -n "__fish_weir_using_subcommand demo" -l self-test -d 'Try every example, stop and start a worker, print what passed, and end'
complete -c weir -n "__fish_weir_using_subcommand demo" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand cert; and not __fish_seen_subcommand_from create inspect pin status renew help" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand cert; and not __fish_seen_subcommand_from create inspect pin status renew help" -f -a "create" -d 'Make a key and a certificate for host names: self-signed, or signed by a CA of your own'
complete -c weir -n "__fish_weir_using_subcommand cert; and not __fish_seen_subcommand_from create inspect pin status renew help" -f -a "inspect" -d 'Show what a certificate (and its key) is, and what is wrong with it'
complete -c weir -n "__fish_weir_using_subcommand cert; and not __fish_seen_subcommand_from create inspect pin status renew help" -f -a "pin" -d 'Print the pin of the certificate that a node shows'
complete -c weir -n "__fish_weir_using_subcommand cert; and not __fish_seen_subcommand_from create inspect pin status renew help" -f -a "status" -d 'Show the certificates of a running Weir, and those that it orders from CAs'
complete -c weir -n "__fish_weir_using_subcommand cert; and not __fish_seen_subcommand_from create inspect pin status renew help" -f -a "renew" -d 'Have the certificate of a site ordered from its CA now'
complete -c weir -n "__fish_weir_using_subcommand cert; and not __fish_seen_subcommand_from create inspect pin status renew help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from create" -l host -d 'The names that clients ask for: host names, *.parent, or IP addresses; the first is the common name' -r
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from create" -l out -d 'The directory to write to; it is made if it is missing' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from create" -l rsa -d 'An RSA key of 2048, 3072 or 4096 bits instead of ECDSA P-256' -r
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from create" -l days -d 'How long the certificate is valid; some clients refuse more than 398 days' -r
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from create" -l name -d 'The files\' name without .crt and .key; default: the first host' -r
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from create" -l ca-cert -d 'Sign with this CA' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from create" -l ca-key -d 'The key of that CA' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from create" -l ca -d 'Make a small CA as well (ca.crt, ca.key) and sign with it'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from create" -l force -d 'Replace files that are there'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from create" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from inspect" -l host -d 'A host name of the site; may be given several times' -r
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from inspect" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from inspect" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from pin" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from pin" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from status" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from status" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from status" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from status" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from status" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from status" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from status" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from renew" -l reason -d 'Why, in one line, for whoever reads the events or the audit file' -r
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from renew" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from renew" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from renew" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from renew" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from renew" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from renew" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from renew" -l no-wait -d 'Begin, and do not wait'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from renew" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from renew" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "create" -d 'Make a key and a certificate for host names: self-signed, or signed by a CA of your own'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "inspect" -d 'Show what a certificate (and its key) is, and what is wrong with it'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "pin" -d 'Print the pin of the certificate that a node shows'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show the certificates of a running Weir, and those that it orders from CAs'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "renew" -d 'Have the certificate of a site ordered from its CA now'
complete -c weir -n "__fish_weir_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c weir -n "__fish_weir_using_subcommand status" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand status" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand status" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand status" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand status" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand status" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand status" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand status" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand ready" -l site -d 'Only this site counts, which can be served by one of its pools; may be written several times' -r
complete -c weir -n "__fish_weir_using_subcommand ready" -l pool -d 'Only this pool counts; may be written several times' -r
complete -c weir -n "__fish_weir_using_subcommand ready" -l timeout -d 'How many seconds the answer may take' -r
complete -c weir -n "__fish_weir_using_subcommand ready" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand ready" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand ready" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand ready" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand ready" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand ready" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand ready" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand ready" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand ha; and not __fish_seen_subcommand_from keepalived help" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand ha; and not __fish_seen_subcommand_from keepalived help" -f -a "keepalived" -d 'Print keepalived.conf for this machine: an address that is where Weir can serve'
complete -c weir -n "__fish_weir_using_subcommand ha; and not __fish_seen_subcommand_from keepalived help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c weir -n "__fish_weir_using_subcommand ha; and __fish_seen_subcommand_from keepalived" -l vip -d 'An address that moves, with the length of its network; may be written several times' -r
complete -c weir -n "__fish_weir_using_subcommand ha; and __fish_seen_subcommand_from keepalived" -l peer -d 'The other machine\'s own address; may be written several times' -r
complete -c weir -n "__fish_weir_using_subcommand ha; and __fish_seen_subcommand_from keepalived" -l prefer -d 'The address that this machine has when it comes back or both are well; without it an address stays where it is' -r
complete -c weir -n "__fish_weir_using_subcommand ha; and __fish_seen_subcommand_from keepalived" -l address -d 'This machine\'s own address [default: the one that leads to the first peer]' -r
complete -c weir -n "__fish_weir_using_subcommand ha; and __fish_seen_subcommand_from keepalived" -l interface -d 'The network interface [default: the one that has this machine\'s own address]' -r
complete -c weir -n "__fish_weir_using_subcommand ha; and __fish_seen_subcommand_from keepalived" -l id -d 'The virtual_router_id, which no other VRRP in this network has; of several addresses that of the first' -r
complete -c weir -n "__fish_weir_using_subcommand ha; and __fish_seen_subcommand_from keepalived" -l user -d 'The user that asks Weir whether it is ready' -r
complete -c weir -n "__fish_weir_using_subcommand ha; and __fish_seen_subcommand_from keepalived" -l site -d 'Weir counts as ready only when this site can be served; may be written several times' -r
complete -c weir -n "__fish_weir_using_subcommand ha; and __fish_seen_subcommand_from keepalived" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand ha; and __fish_seen_subcommand_from help" -f -a "keepalived" -d 'Print keepalived.conf for this machine: an address that is where Weir can serve'
complete -c weir -n "__fish_weir_using_subcommand ha; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c weir -n "__fish_weir_using_subcommand nodes" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand nodes" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand nodes" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand nodes" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand nodes" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand nodes" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand nodes" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand nodes" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand sessions" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand sessions" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand sessions" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand sessions" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand sessions" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand sessions" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand sessions" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand sessions" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand drain" -l reason -d 'Why, in one line, for whoever reads the events or the audit file' -r
complete -c weir -n "__fish_weir_using_subcommand drain" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand drain" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand drain" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand drain" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand drain" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand drain" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand drain" -l deadline -d 'End it after this long (30m, 2h) and rebind the sessions that are left; without it a drain waits for the last one' -r
complete -c weir -n "__fish_weir_using_subcommand drain" -l without -d 'With --wait: do not wait for this machine, it is down (with [shared] servers; may be repeated)' -r
complete -c weir -n "__fish_weir_using_subcommand drain" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand drain" -l wait -d 'Wait until it is safe to stop the node, and tell what is left; exit code 0 means safe'
complete -c weir -n "__fish_weir_using_subcommand drain" -l force -d 'Also where a pool would have no node left for new requests'
complete -c weir -n "__fish_weir_using_subcommand drain" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand maintain" -l reason -d 'Why, in one line, for whoever reads the events or the audit file' -r
complete -c weir -n "__fish_weir_using_subcommand maintain" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand maintain" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand maintain" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand maintain" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand maintain" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand maintain" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand maintain" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand maintain" -l force -d 'Also where a pool would have no node left for new requests'
complete -c weir -n "__fish_weir_using_subcommand maintain" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand activate" -l reason -d 'Why, in one line, for whoever reads the events or the audit file' -r
complete -c weir -n "__fish_weir_using_subcommand activate" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand activate" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand activate" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand activate" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand activate" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand activate" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand activate" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand activate" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand why" -l host -d 'The Host it would have, with or without a port' -r
complete -c weir -n "__fish_weir_using_subcommand why" -l path -d 'Its path, and query [default: /]' -r
complete -c weir -n "__fish_weir_using_subcommand why" -l method -d 'Its method' -r
complete -c weir -n "__fish_weir_using_subcommand why" -l cookie -d 'A cookie it would carry, such as \'JSESSIONID=4F…\'; may be repeated' -r
complete -c weir -n "__fish_weir_using_subcommand why" -l header -d 'A header it would carry, such as \'X-Tenant: one\'; may be repeated' -r
complete -c weir -n "__fish_weir_using_subcommand why" -l client -d 'The address it would come from [default: 127.0.0.1]' -r
complete -c weir -n "__fish_weir_using_subcommand why" -l listener -d 'The listener it would come to [default: the first that fits the URL and has a site for the host]' -r
complete -c weir -n "__fish_weir_using_subcommand why" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand why" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand why" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand why" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand why" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand why" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand why" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand why" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand reload" -l reason -d 'Why, in one line, for whoever reads the events or the audit file' -r
complete -c weir -n "__fish_weir_using_subcommand reload" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand reload" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand reload" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand reload" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand reload" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand reload" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand reload" -l dry-run -d 'Change nothing; tell what a reload would change, or why it would be refused'
complete -c weir -n "__fish_weir_using_subcommand reload" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand reload" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand upgrade" -l reason -d 'Why, in one line, for whoever reads the events or the audit file' -r
complete -c weir -n "__fish_weir_using_subcommand upgrade" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand upgrade" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand upgrade" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand upgrade" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand upgrade" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand upgrade" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand upgrade" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand upgrade" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand diff" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand diff" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand diff" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand diff" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand diff" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand diff" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand diff" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand diff" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand config" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand config" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand config" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand config" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand config" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand config" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand config" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand config" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand events" -l node -d 'Only what is about this node, pool or POOL/NODE' -r
complete -c weir -n "__fish_weir_using_subcommand events" -l since -d 'Only what happened from this time on' -r
complete -c weir -n "__fish_weir_using_subcommand events" -l until -d 'Only what happened until this time, written in the same ways' -r
complete -c weir -n "__fish_weir_using_subcommand events" -l pool -d 'Only what is about this pool and its nodes' -r
complete -c weir -n "__fish_weir_using_subcommand events" -l kind -d 'Only events of this kind: certificate, cluster, files, operator, pool, reload, shared, start, state, stop or upgrade' -r
complete -c weir -n "__fish_weir_using_subcommand events" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand events" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand events" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand events" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand events" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand events" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand events" -s f -l follow -d 'Stay and show what happens, until Ctrl-C'
complete -c weir -n "__fish_weir_using_subcommand events" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand events" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand sites" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand sites" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand sites" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand sites" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand sites" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand sites" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand sites" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand sites" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand top" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand top" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand top" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand top" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand top" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand top" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand top" -l once -d 'Print one table and end'
complete -c weir -n "__fish_weir_using_subcommand top" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand top" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand bundle" -l out -d 'The archive to write [default: weir-bundle-TIME.tar.gz]' -r -F
complete -c weir -n "__fish_weir_using_subcommand bundle" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand bundle" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand bundle" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand bundle" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand bundle" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand bundle" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand bundle" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand bundle" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand weight" -l reason -d 'Why, in one line, for whoever reads the events or the audit file' -r
complete -c weir -n "__fish_weir_using_subcommand weight" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand weight" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand weight" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand weight" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand weight" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand weight" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand weight" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand weight" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand log-level" -l reason -d 'Why, in one line, for whoever reads the events or the audit file' -r
complete -c weir -n "__fish_weir_using_subcommand log-level" -l admin -d 'The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]' -r
complete -c weir -n "__fish_weir_using_subcommand log-level" -l token-file -d 'A file with the token to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand log-level" -l ca -d 'For https: the CA certificates to believe [default: the system\'s]' -r -F
complete -c weir -n "__fish_weir_using_subcommand log-level" -l cert -d 'For https: the client certificate to show' -r -F
complete -c weir -n "__fish_weir_using_subcommand log-level" -l key -d 'For https: the key of the client certificate' -r -F
complete -c weir -n "__fish_weir_using_subcommand log-level" -s c -l config -d 'The configuration that says where Weir is asked' -r -F
complete -c weir -n "__fish_weir_using_subcommand log-level" -l json -d 'Print JSON'
complete -c weir -n "__fish_weir_using_subcommand log-level" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand completions" -s h -l help -d 'Print help'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "run" -d 'Run in the foreground; SIGHUP reloads, SIGTERM and SIGQUIT stop, SIGUSR1 reopens log files'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "init" -d 'Write a configuration for a WSO2 cluster: asks for its hosts and nodes, looks at them, makes certificates'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "import" -d 'Take the configuration of another proxy over'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "check" -d 'Check a configuration and everything it names, without running it'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "wso2" -d 'Check the nodes of a WSO2 cluster by their own configuration files'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "schema" -d 'Print the JSON Schema of the configuration, by which editors complete and check it'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "demo" -d 'Show a whole cluster on this machine: two workers, a manager, and Weir in front'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "cert" -d 'Make, inspect and pin certificates'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "status" -d 'Show what a running Weir is doing'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "ready" -d 'Tell whether a running Weir can serve, by the exit code: for keepalived and scripts'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "ha" -d 'Write what another program needs so that two machines serve as one'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "nodes" -d 'Show the nodes of every pool, active or passive and why'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "sessions" -d 'Show the learned sessions of every pool'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "drain" -d 'Take a node out gently: its sessions stay until they end, nothing new goes there'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "maintain" -d 'Take a node out at once: its sessions move, running requests are answered; until it is activated'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "activate" -d 'Let a node serve again that was drained or in maintenance'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "why" -d 'Ask what a running Weir would do with a request, and why, without sending anything'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "reload" -d 'Make a running Weir read its configuration again, and tell what came of it'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "upgrade" -d 'Hand over to the version that is installed now, without a gap: every socket, the sessions, the counters'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "diff" -d 'Compare the files on the disk with what runs, and tell what a reload would change'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "config" -d 'Print the configuration that runs: each value and where it comes from'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "events" -d 'Show what happened: state changes, reloads, what operators did'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "sites" -d 'Show the sites: how much comes, how it ends, and how long the certificates last'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "top" -d 'Watch the nodes live, those in trouble first'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "bundle" -d 'Write an archive for support: what runs and what happened, without secrets'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "weight" -d 'Give a node of a pool another weight than the file\'s, over reloads and restarts, until it is reset'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "log-level" -d 'Tell how much the journal says, or change it until the next start'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "completions" -d 'Print the script by which a shell completes these commands'
complete -c weir -n "__fish_weir_using_subcommand help; and not __fish_seen_subcommand_from run init import check wso2 schema demo cert status ready ha nodes sessions drain maintain activate why reload upgrade diff config events sites top bundle weight log-level completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c weir -n "__fish_weir_using_subcommand help; and __fish_seen_subcommand_from import" -f -a "nginx" -d 'Read nginx.conf with its includes, write weir.toml, and say what becomes of each directive'
complete -c weir -n "__fish_weir_using_subcommand help; and __fish_seen_subcommand_from wso2" -f -a "check" -d 'Check the configuration files of the nodes: each by itself, against each other, and against weir.toml'
complete -c weir -n "__fish_weir_using_subcommand help; and __fish_seen_subcommand_from wso2" -f -a "write" -d 'Make the edits in the nodes\' files that the check asks for, from weir.toml; what they replace is kept beside them'
complete -c weir -n "__fish_weir_using_subcommand help; and __fish_seen_subcommand_from wso2" -f -a "test" -d 'Test the running cluster through the balancer: console, services, sessions, nodes, certificates, failover'
complete -c weir -n "__fish_weir_using_subcommand help; and __fish_seen_subcommand_from cert" -f -a "create" -d 'Make a key and a certificate for host names: self-signed, or signed by a CA of your own'
complete -c weir -n "__fish_weir_using_subcommand help; and __fish_seen_subcommand_from cert" -f -a "inspect" -d 'Show what a certificate (and its key) is, and what is wrong with it'
complete -c weir -n "__fish_weir_using_subcommand help; and __fish_seen_subcommand_from cert" -f -a "pin" -d 'Print the pin of the certificate that a node shows'
complete -c weir -n "__fish_weir_using_subcommand help; and __fish_seen_subcommand_from cert" -f -a "status" -d 'Show the certificates of a running Weir, and those that it orders from CAs'
complete -c weir -n "__fish_weir_using_subcommand help; and __fish_seen_subcommand_from cert" -f -a "renew" -d 'Have the certificate of a site ordered from its CA now'
complete -c weir -n "__fish_weir_using_subcommand help; and __fish_seen_subcommand_from ha" -f -a "keepalived" -d 'Print keepalived.conf for this machine: an address that is where Weir can serve'
complete -c weir -n "__fish_weir_using_subcommand drain maintain activate weight" -f -a "(weir names nodes 2>/dev/null)"
complete -c weir -n "__fish_weir_using_subcommand weight" -f -a "(weir names pools 2>/dev/null)"
complete -c weir -n "__fish_weir_using_subcommand events" -l node -x -a "(weir names nodes 2>/dev/null)"
complete -c weir -n "__fish_weir_using_subcommand events" -l pool -x -a "(weir names pools 2>/dev/null)"
