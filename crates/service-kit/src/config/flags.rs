//! A flag for each setting, made from the file of defaults.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::{SettingsError, Sources, defaults};

/// The identifier of the flag that names a settings file.
const FILE: &str = "config";

/// Reads the command line: the program's own arguments, and where its settings come from.
///
/// Every setting `section.name` of the defaults is a flag `--section-name`, before or after a
/// subcommand, and a variable `<SERVICE>__SECTION__NAME`. `--config FILE` names a TOML file.
pub fn command_line<Cli: CommandFactory + FromArgMatches>(
    service: &'static str,
    default_toml: &'static str,
) -> Result<(Cli, Sources), SettingsError> {
    let command = with_flags(Cli::command(), default_toml)?;
    let matches = command.get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let sources = sources(service, default_toml, &matches)?.environment(std::env::vars());
    Ok((cli, sources))
}

/// Adds the flags to a program's own arguments.
pub(super) fn with_flags(
    mut command: Command,
    default_toml: &str,
) -> Result<Command, SettingsError> {
    command = command.arg(
        Arg::new(FILE)
            .long(FILE)
            .global(true)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("A TOML file with settings"),
    );
    let comments = defaults::comments(default_toml);
    for path in defaults::Defaults::read(default_toml)?.paths() {
        let help = comments.get(path).cloned().unwrap_or_default();
        command = command.arg(
            Arg::new(path.to_owned())
                .long(path.replace(['.', '_'], "-"))
                .global(true)
                .value_name("VALUE")
                .hide_short_help(true)
                .help_heading("Settings")
                .help(help),
        );
    }
    Ok(command)
}

/// The settings that the command line names.
pub(super) fn sources(
    service: &'static str,
    default_toml: &'static str,
    matches: &ArgMatches,
) -> Result<Sources, SettingsError> {
    let matches = innermost(matches);
    let mut sources =
        Sources::defaults(service, default_toml).file(matches.get_one::<PathBuf>(FILE).cloned());
    for path in defaults::Defaults::read(default_toml)?.paths() {
        if let Some(value) = matches.get_one::<String>(path) {
            sources = sources.set(path, value);
        }
    }
    Ok(sources)
}

/// Global flags are found in the matches of the last subcommand, wherever they stood.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    match matches.subcommand() {
        Some((_, below)) => innermost(below),
        None => matches,
    }
}
