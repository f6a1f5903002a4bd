//! Which file holds the settings, and what a path in it means.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::SettingsError;

/// The environment, handed in so that a test can bring its own. An empty variable counts as unset.
#[derive(Clone, Copy)]
pub struct Environment<'a>(&'a (dyn Fn(&str) -> Option<String> + Sync));

impl<'a> Environment<'a> {
    /// The process's own.
    pub fn of_process() -> Environment<'static> {
        Environment(&|name| std::env::var(name).ok())
    }

    /// What this function says.
    pub fn from_fn(variables: &'a (dyn Fn(&str) -> Option<String> + Sync)) -> Self {
        Self(variables)
    }

    /// A variable's value, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

/// The settings file: the one named, else the first that exists of the places of operations.md, section 2.
///
/// # Errors
/// `Unreadable` when the one that was named does not exist, `NotFound` when there is none anywhere.
pub fn locate(named: Option<&Path>, environment: Environment<'_>) -> Result<PathBuf, SettingsError> {
    let named = named.map(Path::to_owned).or_else(|| environment.get("CARNET_CONFIG").map(PathBuf::from));
    if let Some(file) = named {
        return std::path::absolute(&file).map_err(|source| SettingsError::Unreadable { file, source });
    }
    let places = places(environment);
    match places.iter().find(|place| place.exists()) {
        Some(place) => {
            std::path::absolute(place).map_err(|source| SettingsError::Unreadable { file: place.clone(), source })
        }
        None => Err(SettingsError::NotFound { looked: places }),
    }
}

/// A path of the settings: `~/` is the home folder, a relative one is relative to the settings file.
pub fn expand(text: &str, settings_file: &Path, environment: Environment<'_>) -> PathBuf {
    let home = || environment.get("HOME").map(PathBuf::from).or_else(|| etcetera::home_dir().ok());
    if let Some(rest) = text.strip_prefix("~/")
        && let Some(home) = home()
    {
        return home.join(rest);
    }
    if text == "~"
        && let Some(home) = home()
    {
        return home;
    }
    settings_file.parent().map_or_else(|| PathBuf::from(text), |folder| folder.join(text))
}

fn places(environment: Environment<'_>) -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from("carnet.toml")];
    // systemd joins several configuration folders by colons.
    if let Some(folders) = environment.get("CONFIGURATION_DIRECTORY") {
        places.extend(std::env::split_paths(&folders).map(|folder| folder.join("carnet.toml")));
    }
    let settings_home = environment
        .get("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| environment.get("HOME").map(|home| PathBuf::from(home).join(".config")))
        .or_else(|| etcetera::base_strategy::Xdg::new().ok().map(|strategy| strategy.config_dir()));
    places.extend(settings_home.map(|folder| folder.join("carnet").join("carnet.toml")));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> + Sync {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn places_are_in_the_contracts_order() {
        let variables = with(&[("CONFIGURATION_DIRECTORY", "/etc/a:/etc/b"), ("XDG_CONFIG_HOME", "/x")]);
        let expected = ["carnet.toml", "/etc/a/carnet.toml", "/etc/b/carnet.toml", "/x/carnet/carnet.toml"];
        assert_eq!(places(Environment::from_fn(&variables)), expected.map(PathBuf::from));
    }

    #[test]
    fn a_named_file_is_the_one_and_the_flag_comes_before_the_environment() {
        let variables = with(&[("CARNET_CONFIG", "/env.toml")]);
        let environment = Environment::from_fn(&variables);
        assert_eq!(locate(Some(Path::new("/flag.toml")), environment).unwrap(), Path::new("/flag.toml"));
        assert_eq!(locate(None, environment).unwrap(), Path::new("/env.toml"));
    }

    #[test]
    fn paths_are_relative_to_the_settings_file() {
        let variables = with(&[("HOME", "/home/ada")]);
        let check = |text: &str, expected: &str| {
            let environment = Environment::from_fn(&variables);
            assert_eq!(expand(text, Path::new("/etc/carnet/carnet.toml"), environment), Path::new(expected), "{text}");
        };
        check("carnet.db", "/etc/carnet/carnet.db");
        check("/var/lib/carnet.db", "/var/lib/carnet.db");
        check("~/books", "/home/ada/books");
        check("~", "/home/ada");
        check("a~/b", "/etc/carnet/a~/b");
    }
}
