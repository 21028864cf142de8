//! A flag for each setting, made from the file of defaults.

use std::{ffi::OsString, path::PathBuf};

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
    command_line_of(service, default_toml, std::env::args_os())
}

/// [`command_line`] of other arguments than the process's, the first of which is the program's name: for a program of
/// several parts that have settings of their own.
pub fn command_line_of<Cli: CommandFactory + FromArgMatches>(
    service: &'static str,
    default_toml: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Cli, Sources), SettingsError> {
    let command = with_flags(Cli::command(), default_toml)?;
    let matches = command.get_matches_from(arguments);
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

#[cfg(test)]
mod tests {
    use clap::{Parser, Subcommand};
    use serde::Deserialize;

    use super::*;

    const DEFAULTS: &str = "# Where it listens.\nlisten = \"x\"\n[votes_database]\n# How many.\n\
                            connections_max = 16\nnames = []\n";

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        command: Option<Task>,
    }

    #[derive(Debug, Eq, PartialEq, Subcommand)]
    enum Task {
        Serve,
        Report { name: String },
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        listen: String,
        votes_database: Database,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Database {
        connections_max: u32,
        names: Vec<String>,
    }

    fn parse(line: &str) -> (Cli, Settings) {
        let command = with_flags(Cli::command(), DEFAULTS).unwrap();
        let words = std::iter::once("program").chain(line.split_whitespace());
        let matches = command.try_get_matches_from(words).unwrap();
        let settings = sources("any", DEFAULTS, &matches).unwrap().load().unwrap();
        (Cli::from_arg_matches(&matches).unwrap(), settings)
    }

    #[test]
    fn every_setting_is_a_flag_before_and_after_the_subcommand() {
        let flag = "--votes-database-connections-max 3";
        for line in [format!("serve {flag}"), format!("{flag} serve")] {
            let (cli, settings) = parse(&line);
            assert_eq!(cli.command, Some(Task::Serve));
            assert_eq!(settings.votes_database.connections_max, 3, "{line}");
            assert_eq!(settings.listen, "x");
        }
    }

    #[test]
    fn a_part_of_a_program_has_a_command_line_of_its_own() {
        let words = ["program part", "report", "august", "--listen", "y"];

        let (cli, sources) =
            command_line_of::<Cli>("any", DEFAULTS, words.map(OsString::from)).unwrap();

        let name = "august".to_owned();
        assert_eq!(cli.command, Some(Task::Report { name }));
        assert_eq!(sources.load::<Settings>().unwrap().listen, "y");
    }

    #[test]
    fn the_programs_own_arguments_are_left_to_it() {
        let (cli, settings) = parse("report august --votes-database-names [\"a\",\"b\"]");

        let name = "august".to_owned();
        assert_eq!(cli.command, Some(Task::Report { name }));
        assert_eq!(settings.votes_database.names, ["a", "b"]);
    }

    #[test]
    fn the_comment_in_the_defaults_is_the_help() {
        let mut command = with_flags(Cli::command(), DEFAULTS).unwrap();

        let help = command.render_long_help().to_string();

        assert!(help.contains("--votes-database-connections-max"), "{help}");
        assert!(help.contains("How many.") && help.contains("Where it listens."));
    }
}
